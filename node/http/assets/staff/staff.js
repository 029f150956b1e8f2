// Niceties only: every page works without this file.
"use strict";
(() => {
  document.documentElement.classList.add("js");

  // A mistake is read out and scrolled to at once.
  document.querySelector("[data-focus]")?.focus();

  // After the confirmation: Enter goes on to the receipt and prints it, and the verdict stays in sight. A confirmation itself has no such
  // place: a scanner that ends with two Enters, or reads the next card too early, must not say that somebody is the holder.
  document.querySelector("[data-next]")?.focus({ preventScroll: true });

  // A scanner types wherever the cursor is: digits go to the code's field, from a link, a button or a list as well, which have no use
  // for them. A code ends with Enter: if it could not be sent, for want of a service, the next one takes its place and is not appended.
  const scan = document.querySelector("[data-scan]");
  if (scan) {
    let ended = false;
    document.addEventListener("keydown", (event) => {
      if (event.target === scan && event.key === "Enter") ended = true;
      if (!/^[0-9]$/.test(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
      scan.focus();
      if (ended) scan.select();
      ended = false;
    });
  }

  // One press, one verification. Other buttons of the form stay as they are, so that the pressed one's value is sent.
  for (const form of document.querySelectorAll("form[data-once]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
      }
      form.dataset.sent = "yes";
    });
  }
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once]")) {
      delete form.dataset.sent;
    }
  });

  // A picture that is too large is said before it is sent.
  const picture = document.querySelector("[data-most]");
  picture?.addEventListener("change", () => {
    const large = (picture.files[0]?.size ?? 0) > Number(picture.dataset.most);
    picture.setCustomValidity(large ? picture.dataset.large : "");
    picture.reportValidity();
  });

  for (const button of document.querySelectorAll("[data-print]")) {
    button.addEventListener("click", () => window.print());
  }

  // GB 11643: said while typing, once the number is as long as it should be or the field is left.
  const number = document.querySelector("[data-number]");
  if (number) {
    const note = document.getElementById("number-check");
    const check = (left) => {
      const typed = number.value.replace(/\s/g, "").toUpperCase();
      const permit = /[A-Z-]/.test(typed.slice(0, 17)) || typed.length === 19;
      let said = "";
      if (typed && !permit) {
        if (typed.length < 18 ? left : typed.length > 18) said = number.dataset.length;
        else if (typed.length === 18 && !/^[1-9][0-9]{16}[0-9X]$/.test(typed)) said = number.dataset.character;
        else if (typed.length === 18 && !isDate(typed.slice(6, 14))) said = number.dataset.date;
        else if (typed.length === 18 && last(typed) !== typed[17]) said = number.dataset.check;
      }
      note.textContent = said;
      // The attribute's value counts: an empty one says "false" (WAI-ARIA 1.2).
      if (said === "") number.removeAttribute("aria-invalid");
      else number.setAttribute("aria-invalid", "true");
    };
    number.addEventListener("input", () => check(false));
    number.addEventListener("blur", () => check(true));
  }

  function isDate(digits) {
    const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6, 8)].map(Number);
    const date = new Date(Date.UTC(2000, 0, 1));
    date.setUTCFullYear(year, month - 1, day);
    return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  }

  function last(typed) {
    const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    const sum = weights.reduce((total, weight, place) => total + weight * Number(typed[place]), 0);
    return "10X98765432"[sum % 11];
  }
})();
