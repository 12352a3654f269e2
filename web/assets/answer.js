// Shows one finished answer that has formulas: Streamlit's own HTML element takes MathML out.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".answer");
  root.setAttribute("aria-label", data.label);
  if (root.__html === data.html) return;
  root.innerHTML = root.__html = data.html; // sanitised on the server
}
