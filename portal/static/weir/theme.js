// Sets light or dark before the first paint, for admin and dashboard alike: localStorage "weir-theme" = light | dark | auto.
(() => {
  const root = document.documentElement;
  const wishes = ["light", "dark", "auto"];
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const wish = () => {
    try {
      const kept = localStorage.getItem("weir-theme");
      return wishes.includes(kept) ? kept : "auto";
    } catch {
      return "auto"; // storage may be forbidden; the system's choice is then the best one
    }
  };

  const apply = () => {
    const asked = wish();
    const dark = asked === "dark" || (asked === "auto" && system.matches);
    if (asked === "auto") delete root.dataset.theme;
    else root.dataset.theme = asked;
    root.classList.toggle("dark", dark); // the admin theme's own dark mode follows
  };

  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", (event) => event.key === "weir-theme" && apply());

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-switch]");
    if (!button) return;
    const next = root.classList.contains("dark") ? "light" : "dark";
    try {
      localStorage.setItem("weir-theme", next);
    } catch {
      root.dataset.theme = next;
    }
    apply();
  });
})();
