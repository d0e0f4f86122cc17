// Steps of a plan: add one, take one out, or begin with a template. The server checks the whole when it is saved.

const card = document.querySelector("[data-steps]");
const list = card?.querySelector(".plansteps");
const total = card && document.getElementById(`id_${card.dataset.steps}-TOTAL_FORMS`);
const empty = document.getElementById("empty-step");

const add = (values = {}) => {
  const number = Number(total.value);
  const holder = document.createElement("template");
  holder.innerHTML = empty.innerHTML.replaceAll("__prefix__", String(number));
  const step = holder.content.querySelector("[data-step]");
  for (const [name, value] of Object.entries(values)) step.querySelector(`[name$="-${name}"]`).value = value;
  step.querySelector("details").open = Object.keys(values).some((name) => !["weight", "bake", "gate"].includes(name));
  list.append(step);
  total.value = String(number + 1);
  return step;
};

const remove = (step) => {
  step.querySelector('[name$="-DELETE"]').checked = true;
  step.hidden = true;
};

card?.addEventListener("click", (event) => {
  if (event.target.closest("[data-add]")) add().querySelector("input:not([type=hidden])").focus();
  const button = event.target.closest("[data-remove]");
  if (button) remove(button.closest("[data-step]"));
});

for (const button of document.querySelectorAll("[data-template]")) {
  button.addEventListener("click", () => {
    const template = JSON.parse(button.dataset.template);
    for (const step of list.querySelectorAll("[data-step]")) remove(step);
    document.getElementById("id_strategy").value = template.strategy;
    for (const values of template.steps) add(values);
    list.querySelector("[data-step]:not([hidden]) input").focus();
  });
}
