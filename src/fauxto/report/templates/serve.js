(() => {
  "use strict";
  const AT_ONCE = 2;
  const get = (id) => document.getElementById(id);
  const [form, drop, results, status] = ["form", "drop", "results", "status"].map(get);
  const maxBytes = Number(form.dataset.maxBytes);
  const waiting = [];
  const counts = new Map();
  let running = 0;
  let total = 0;
  let done = 0;

  const copy = (id, name) => {
    const card = get(id).content.firstElementChild.cloneNode(true);
    card.querySelector("h2").textContent = name;
    card.setAttribute("aria-label", name);
    return card;
  };

  const say = (text) => { status.textContent = text; };

  const finish = (kind, alone) => {
    done += 1;
    counts.set(kind, (counts.get(kind) || 0) + 1);
    if (done < total) {
      say(`Looked at ${done} of ${total} pictures`);
    } else if (total === 1) {
      say(alone);
    } else {
      say(`${total} pictures: ${[...counts].map(([words, n]) => `${n} ${words.toLowerCase().replace(/\bai\b/, "AI")}`).join(", ")}.`);
    }
  };

  const fail = (card, file, why, again) => {
    const failed = copy("failed", file.name);
    failed.querySelector(".why").textContent = why;
    const button = failed.querySelector(".again");
    if (again) button.addEventListener("click", () => add([file], failed)); else button.remove();
    card.replaceWith(failed);
    finish("not looked at", `${file.name}: not looked at. ${why}`);
  };

  const place = (stack, heat) => {
    const [left, top, right, bottom] = stack.dataset.box.split(" ").map(Number);
    heat.style.left = `${left * 100}%`;
    heat.style.top = `${top * 100}%`;
    heat.style.width = `${(right - left) * 100}%`;
    heat.style.height = `${(bottom - top) * 100}%`;
  };

  const show = (card, file, html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const result = holder.content.querySelector(".result");
    const stack = result.querySelector(".stack");
    if (stack) {
      const [photo, heat, slider] = [".photo", ".heat", ".strength input"].map((s) => result.querySelector(s));
      const whole = new Image();
      whole.src = URL.createObjectURL(file);
      whole.addEventListener("load", () => {
        photo.src = whole.src;
        photo.hidden = false;
        if (heat) place(stack, heat);
      });
      whole.addEventListener("error", () => {
        URL.revokeObjectURL(whole.src);
        result.querySelector(".as-seen").hidden = photo.hidden;
      });
      if (slider) {
        slider.parentElement.hidden = false;
        slider.addEventListener("input", () => { heat.style.opacity = slider.value / 100; });
      }
    }
    card.replaceWith(result);
    const verdict = result.querySelector(".verdict").textContent;
    finish(verdict, `${file.name}: ${verdict}`);
  };

  const address = () => {
    const query = new URLSearchParams({ part: "result" });
    if (get("stability").checked) query.set("stability", "true");
    if (get("heat").checked) query.set("explanation", "png");
    if (get("policy").value) query.set("policy", get("policy").value);
    return `${form.dataset.look}?${query}`;
  };

  const reason = (request) => {
    try {
      const problem = JSON.parse(request.responseText);
      return `${problem.title}: ${problem.detail}.`;
    } catch {
      return `The server answered ${request.status}.`;
    }
  };

  const send = ({ file, card, tries }) => {
    running += 1;
    const [text, bar] = [card.querySelector(".progress span"), card.querySelector("progress")];
    const request = new XMLHttpRequest();
    const end = () => { running -= 1; next(); };
    request.open("POST", address());
    request.upload.addEventListener("progress", (event) => {
      text.textContent = event.loaded < event.total ? "sending" : "looking";
      if (event.lengthComputable) bar.value = event.loaded / event.total;
    });
    request.addEventListener("load", () => {
      const html = (request.getResponseHeader("content-type") || "").startsWith("text/html");
      const later = Number(request.getResponseHeader("retry-after"));
      if (html) {
        show(card, file, request.responseText);
      } else if (later && tries < 3) {
        text.textContent = "the server is busy, waiting";
        setTimeout(() => { waiting.push({ file, card, tries: tries + 1 }); next(); }, later * 1000);
      } else {
        const passing = [401, 408, 429].includes(request.status) || request.status >= 500;
        fail(card, file, reason(request), passing);
      }
      end();
    });
    request.addEventListener("error", () => { fail(card, file, "The server did not answer.", true); end(); });
    const body = new FormData();
    body.append("file", file, file.name);
    request.send(body);
  };

  const next = () => {
    while (running < AT_ONCE && waiting.length) send(waiting.shift());
  };

  const add = (files, instead) => {
    if (done === total) { done = total = 0; counts.clear(); }
    total += files.length;
    if (files.length) {
      get("after").hidden = false;
      say(files.length === 1 ? `Looking at ${files[0].name}` : `Looking at ${files.length} pictures`);
    }
    for (const file of files) {
      const card = copy("waiting", file.name);
      if (instead) instead.replaceWith(card); else results.append(card);
      if (file.size > maxBytes) {
        fail(card, file, `It has more than ${Math.floor(maxBytes / 1048576)} MB.`, false);
      } else {
        waiting.push({ file, card, tries: 0 });
      }
    }
    next();
  };

  get("options").hidden = false;
  for (const input of [get("file"), get("camera")]) {
    input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const files = [...event.dataTransfer.files];
    if (files.length) add(files); else say("Nothing was dropped that is a file. Save the picture first, then drop it.");
  });
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) { event.preventDefault(); add(files); } else say("The clipboard holds no picture.");
  });
  get("clear").addEventListener("click", () => {
    for (const photo of results.querySelectorAll(".photo")) URL.revokeObjectURL(photo.src);
    results.replaceChildren();
    get("after").hidden = true;
    say("Results cleared.");
    get("file").focus();
  });
})();
