"use strict";
(() => {
  const data = JSON.parse(document.getElementById("map-data").textContent);
  const [map, overlay, preview, panel, color, layout, pictures, search] =
    ["", "-overlay", "-preview", "-panel", "-color", "-layout", "-pictures",
      "-search"].map((name) => document.getElementById("map" + name));
  const count = data.names.length;
  // Petroff's colors, as in the other figures.
  const palette = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];
  const symbols = ["circle", "square", "diamond", "cross", "x", "star"];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let marked = [], current = null, ranges = null;

  // Makes an element; texts of users are never parsed as HTML.
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  const thumb = (index) => {
    const element = make("span", { className: "map-thumb" });
    const last = data.sprite - 1, rows = Math.ceil(count / data.sprite) - 1;
    const [row, column] = [Math.floor(index / data.sprite), index % data.sprite];
    element.style.backgroundSize = `${100 * (last + 1)}% ${100 * (rows + 1)}%`;
    element.style.backgroundPosition =
      `${last && (100 * column) / last}% ${rows && (100 * row) / rows}%`;
    return element;
  };

  const points = () => data.layouts[layout.value];
  const column = () => data.columns[color.value];
  const colorOf = (place) => palette[place % palette.length];
  const describe = (index) => data.columns.map(({ name, values, categories }) =>
    `${name}: ${categories ? categories[values[index]]
      : Number(values[index]?.toPrecision(3))}`);

  // The ranges of both axes that show all points on one scale.
  const fit = () => {
    const { x, y } = points();
    const half = (values) => Math.max(1e-3, ...values.map(Math.abs));
    const [width, height] = [map.clientWidth, map.clientHeight];
    const unit = 1.12 * Math.max(half(x) / width, half(y) / height);
    ranges = [[-unit * width, unit * width], [-unit * height, unit * height]];
  };

  const traces = () => {
    const { x, y } = points(), { values, categories } = column();
    const canvas = document.createElement("canvas");
    const type = canvas.getContext("webgl") ? "scattergl" : "scatter";
    const size = count < 400 ? 10 : count < 1500 ? 8 : 6;
    const trace = (indices, marker, more) => ({
      type, mode: "markers", hoverinfo: "none", customdata: indices,
      x: indices.map((i) => x[i]), y: indices.map((i) => y[i]),
      marker: { size, opacity: 0.8, ...marker }, showlegend: false, ...more,
    });
    const all = [...Array(count).keys()];
    const groups = categories
      ? categories.map((name, place) => trace(
        all.filter((i) => values[i] === place), {
          color: colorOf(place),
          symbol: symbols[Math.floor(place / palette.length) % symbols.length],
        // Plotly would read tags in names.
        }, { name: name.replace(/</g, "‹") || " ", showlegend: true }))
      : [trace(all, { color: values, colorscale: "Viridis", showscale: true,
        colorbar: { thickness: 12, outlinewidth: 0, len: 0.85, y: 0.43 } })];
    const ring = { size: size + 8, symbol: "circle-open", opacity: 1,
      color: getComputedStyle(map).color, line: { width: 2.5 } };
    return [...groups, trace(marked, ring, { hoverinfo: "skip" })];
  };

  const draw = () => {
    if (!ranges) fit();
    const style = getComputedStyle(document.body);
    const hidden = { visible: false, fixedrange: false };
    Plotly.react(map, traces(), {
      margin: { l: 0, r: 0, t: 0, b: 0 }, dragmode: map.layout?.dragmode || "pan",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: style.color, family: style.fontFamily },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: style.color,
        activecolor: style.getPropertyValue("--accent") },
      newselection: { line: { color: style.color } }, hovermode: "closest",
      legend: { orientation: "h", itemclick: "toggle" },
      xaxis: { ...hidden, range: [...ranges[0]] },
      yaxis: { ...hidden, range: [...ranges[1]] },
    }, { displaylogo: false, scrollZoom: true, displayModeBar: true,
      modeBarButtons: [["pan2d", "select2d", "lasso2d"],
        ["zoomIn2d", "zoomOut2d", "resetScale2d"]] });
    drawPictures();
  };

  // Where an image is, in pixels of the frame.
  const position = (index) => {
    const area = map.querySelector(".nsewdrag").getBoundingClientRect();
    const frame = overlay.getBoundingClientRect();
    const at = (value, [low, high]) => (value - low) / (high - low);
    const { x, y } = points();
    return [
      area.left - frame.left + area.width * at(x[index], ranges[0]),
      area.top - frame.top + area.height * (1 - at(y[index], ranges[1])),
      area.left - frame.left + area.width, area.top - frame.top + area.height];
  };

  // Pictures on those points that have room for them.
  const drawPictures = () => {
    overlay.replaceChildren();
    const placed = [], { values, categories } = column();
    const side = map.clientWidth < 600 ? 30 : 44;
    // Those that a search or a click has found come first.
    const order = new Set([...marked, ...Array(count).keys()]);
    for (const i of pictures.checked ? order : marked) {
      const [left, top, right, bottom] = position(i);
      if (left < 20 || top < 30 || left > right - 20 || top > bottom - 20 ||
        placed.some(([x, y]) =>
          Math.max(Math.abs(x - left), Math.abs(y - top)) < side + 2)) continue;
      const element = thumb(i);
      Object.assign(element.style, { left: `${left - side / 2}px`,
        top: `${top - side / 2}px`, width: `${side}px`, height: `${side}px` });
      if (categories) element.style.borderColor = colorOf(values[i]);
      if (marked.includes(i)) element.classList.add("marked");
      placed.push([left, top]);
      overlay.append(element);
    }
  };

  const show = (index) => {
    current = index;
    const [left, top, right, bottom] = position(index);
    preview.replaceChildren(thumb(index), make("p", {},
      [data.names[index], ...describe(index), data.texts?.[index] || ""].join("\n")));
    preview.hidden = false;
    const [width, height] = [preview.offsetWidth, preview.offsetHeight];
    preview.style.left =
      `${left + width + 20 < right ? left + 14 : Math.max(0, left - width - 14)}px`;
    preview.style.top =
      `${Math.max(0, Math.min(top - height / 2, bottom - height))}px`;
  };

  const mark = (indices) => { marked = indices; draw(); };

  const list = (heading, indices, kind = "") => {
    panel.replaceChildren(make("strong", {}, heading), make("ul", {},
      ...indices.map((i) => make("li", { className: kind }, make("button", {
        className: "image", title: data.names[i], onclick: () => select(i),
      }, thumb(i), data.names[i])))));
  };

  const select = (index) => {
    list(`Nearest neighbors of ${data.names[index]}`,
      [index, ...data.neighbors[index]], "query");
    mark([index, ...data.neighbors[index]]);
  };

  const listNames = (indices) => {
    list(`${indices.length} images`, indices.slice(0, 60));
    const names = make("textarea", { readOnly: true, ariaLabel: "Names",
      value: indices.map((i) => data.names[i]).join("\n") });
    const copy = make("button", { className: "copy", onclick: () => {
      names.select();
      // The clipboard of a page from a file needs the older command.
      document.execCommand("copy");
      copy.textContent = "Copied";
    } }, "Copy the names");
    panel.firstChild.after(names, copy);
  };

  const find = () => {
    const wanted = search.value.trim().toLowerCase();
    if (!wanted) return;
    const exact = data.sentences.findIndex((s) => s.toLowerCase() === wanted);
    const place = exact >= 0 ? exact
      : data.sentences.findIndex((s) => s.toLowerCase().includes(wanted));
    if (place < 0) {
      panel.textContent = `This page knows ${data.sentences.length} sentences, ` +
        "and none like this. keras-contrastive search takes any.";
      return;
    }
    list(`Images for “${data.sentences[place]}”`, data.found[place]);
    mark(data.found[place]);
  };

  const zoom = (factor) => {
    ranges = ranges.map(([low, high]) => {
      const [middle, half] = [(low + high) / 2, (high - low) * factor / 2];
      return [middle - half, middle + half];
    });
    draw();
  };

  // The nearest image in the direction of an arrow key.
  const move = (dx, dy) => {
    const { x, y } = points();
    let best = current ?? 0, least = Infinity;
    for (let i = 0; current !== null && i < count; i++) {
      const [a, b] = [x[i] - x[current], y[i] - y[current]];
      const along = a * dx + b * dy, aside = Math.abs(a * dy - b * dx);
      if (along > 0 && along > aside && Math.hypot(a, b) < least) {
        [best, least] = [i, Math.hypot(a, b)];
      }
    }
    show(best);
  };

  const keys = {
    ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0),
    ArrowUp: () => move(0, 1), ArrowDown: () => move(0, -1),
    Enter: () => current !== null && select(current),
    "+": () => zoom(0.7), "-": () => zoom(1.4),
    Escape: () => { preview.hidden = true; panel.replaceChildren(); mark([]); },
  };

  const options = (element, names) => element.append(...names.map(
    (name, value) => make("option", { value }, name)));
  options(color, data.columns.map((each) => each.name));
  options(layout, data.layouts.map((each) => each.name));
  if (data.sentences) {
    document.getElementById("map-sentences").append(
      ...data.sentences.map((value) => make("option", { value })));
    search.onchange = find;
  } else {
    document.getElementById("map-search-label").remove();
  }
  color.onchange = draw;
  layout.onchange = () => { ranges = null; draw(); };
  pictures.onchange = drawPictures;
  dark.addEventListener("change", draw);
  let width = map.clientWidth;
  addEventListener("resize", () => {
    if (map.clientWidth === width) return; // A phone hid its address bar.
    [width, ranges] = [map.clientWidth, null];
    Plotly.Plots.resize(map).then(draw);
  });
  map.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (action) { event.preventDefault(); action(); }
  });
  // The wheel scrolls the page, until the map has been clicked.
  map.addEventListener("wheel", (event) => {
    if (document.activeElement !== map) event.stopPropagation();
  }, { capture: true });

  draw();
  const moved = () => {
    ranges = [[...map.layout.xaxis.range], [...map.layout.yaxis.range]];
    preview.hidden = true;
    drawPictures();
  };
  map.on("plotly_relayout", moved);
  map.on("plotly_relayouting", moved);
  map.on("plotly_hover", (event) => show(event.points[0].customdata));
  map.on("plotly_unhover", () => { preview.hidden = true; });
  map.on("plotly_click", (event) => {
    map.focus();
    select(event.points[0].customdata);
  });
  map.on("plotly_selected", (event) => {
    if (event?.points?.length) {
      listNames([...new Set(event.points.map((point) => point.customdata))]);
    }
  });
})();
