// Shows only the candidates of the chosen service. The server checks again.

const service = document.getElementById("id_service");
const candidate = document.getElementById("id_candidate");

const narrow = () => {
  for (const option of candidate.options) {
    const fits = !service.value || !option.dataset.service || option.dataset.service === service.value;
    option.hidden = option.disabled = !fits;
    if (!fits && option.selected) candidate.value = "";
  }
};

if (service && candidate) {
  service.addEventListener("change", narrow);
  narrow();
}
