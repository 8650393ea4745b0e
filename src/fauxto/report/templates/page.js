(() => {
  "use strict";
  const headings = [...document.querySelectorAll("main h2[id]")];
  const nav = document.getElementById("chapters");
  if (headings.length > 2) {
    const list = document.createElement("ol");
    for (const heading of headings) {
      const link = document.createElement("a");
      link.href = "#" + heading.id;
      link.textContent = heading.dataset.short || heading.textContent;
      const item = document.createElement("li");
      item.append(link);
      list.append(item);
    }
    nav.append(list);
  } else {
    nav.remove();
  }

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent.trim();
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells];
    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => {
        const up = header.getAttribute("aria-sort") !== "ascending";
        headers.forEach((other) => other.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...table.tBodies[0].rows];
        const numeric = rows.every((row) => value(row, column) === "" || !isNaN(value(row, column)));
        rows.sort((a, b) => {
          const [x, y] = [value(a, column), value(b, column)];
          const order = numeric ? Number(x) - Number(y) : x.localeCompare(y, undefined, { numeric: true });
          return up ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
  for (const input of document.querySelectorAll("input[data-filters]")) {
    const target = document.getElementById(input.dataset.filters);
    const items = target.tBodies ? [...target.tBodies[0].rows] : [...target.children];
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of items) {
        const text = item.textContent.toLowerCase();
        item.hidden = !words.every((word) => text.includes(word));
      }
    });
  }
})();
