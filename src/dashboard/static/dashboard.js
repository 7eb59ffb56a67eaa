// What pages do beyond links and forms; each of them is whole without it.
(() => {
  "use strict";

  // A lost connection is told, and told again when it is back: parts that refresh themselves would otherwise grow old in silence.
  const connection = () => document.getElementById("connection");
  let fading;
  const lost = () => {
    clearTimeout(fading);
    const place = connection();
    place.textContent = place.dataset.lost;
    place.className = "connection lost";
  };
  const back = () => {
    const place = connection();
    if (!place.classList.contains("lost")) return;
    place.textContent = place.dataset.back;
    place.className = "connection back";
    fading = setTimeout(() => { place.textContent = ""; place.className = "connection"; }, 4000);
  };
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:sseError"]) document.addEventListener(name, lost);
  document.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status >= 500) lost(); });
  for (const name of ["htmx:afterOnLoad", "htmx:sseOpen"]) document.addEventListener(name, back);
  window.addEventListener("offline", lost);

  // A choice in a filter is shown at once; without this there is a button.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.filters[data-at-once]");
    if (form && !form.hasAttribute("hx-get")) form.requestSubmit();
  });

  // The number beside a slider.
  document.addEventListener("input", (event) => {
    const output = event.target.matches("input[type=range]") && event.target.form.querySelector(`output[for="${event.target.id}"]`);
    if (output) output.textContent = event.target.dataset.percent === undefined ? event.target.value : `${Math.round(event.target.value * 100)} %`;
  });
})();
