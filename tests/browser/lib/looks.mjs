// Faults of how a page looks, each as a sentence. These functions run in the page, so each stands alone.

/** Faults of layout on a screen that is `width` wide. */
export function faultsOfLayout(width) {
  const faults = [];
  const html = document.documentElement;
  const within = (rect, box, slack) =>
    rect.left >= box.left - slack && rect.right <= box.right + slack && rect.top >= box.top - slack && rect.bottom <= box.bottom + slack;
  const overlap = (one, other, slack) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > slack &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > slack;
  const style = (element) => getComputedStyle(element);
  const called = (element) => {
    const text = (element.textContent ?? "").trim().replace(/\s+/g, " ").slice(0, 40);
    const classes = element.getAttribute("class");
    return `<${element.tagName.toLowerCase()}${element.id ? ` #${element.id}` : ""}${classes ? ` .${classes}` : ""}> “${text}”`;
  };
  const above = (element, wanted) => {
    for (let at = element; at; at = at.parentElement) if (wanted(at)) return at;
    return null;
  };
  const scrolls = (element) => ["auto", "scroll"].includes(style(element).overflowX) && element !== html && element !== document.body;
  // For screen readers alone, or until it has the focus.
  const isHidden = (element) =>
    !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) ||
    above(element, (at) => style(at).clipPath !== "none" || at.classList.contains("skip")) !== null;
  const all = [...document.body.querySelectorAll("*")].filter((element) => !isHidden(element));
  const isDrawn = (element) => element instanceof SVGElement && element.tagName !== "svg";

  if (html.scrollWidth > width) faults.push(`it is ${html.scrollWidth} px wide and scrolls sideways`);
  const headings = document.querySelectorAll("h1").length;
  if (headings !== 1) faults.push(`it has ${headings} <h1>`);
  if (!document.title.trim()) faults.push("it has no title");
  if (!html.lang) faults.push("it doesn't say its language");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) faults.push(`several elements are #${id}`);

  for (const element of all) {
    if (isDrawn(element)) continue;
    const rect = element.getBoundingClientRect();
    if ((rect.left < -0.5 || rect.right > width + 0.5) && !above(element.parentElement, scrolls)) {
      faults.push(`${called(element)} lies outside of the screen, from ${rect.left} to ${rect.right}`);
    }
    const { overflowX, overflowY } = style(element);
    const cutsAcross = ["hidden", "clip"].includes(overflowX) && element.scrollWidth > element.clientWidth + 1;
    const cutsDown = ["hidden", "clip"].includes(overflowY) && element.scrollHeight > element.clientHeight + 1;
    if ((cutsAcross || cutsDown) && element.tagName !== "INPUT" && element.textContent.trim()) faults.push(`${called(element)} is cut off`);
  }

  // Neighbours: whatever stands beside each other must not lie on each other.
  for (const parent of [document.body, ...all]) {
    if (isDrawn(parent) || parent.tagName === "svg") continue;
    const beside = [...parent.children].filter(
      (child) => !isHidden(child) && !["absolute", "fixed", "sticky"].includes(style(child).position),
    );
    const rects = beside.map((child) => [...child.getClientRects()]);
    for (let one = 0; one < beside.length; one += 1) {
      for (let other = one + 1; other < beside.length; other += 1) {
        if (rects[one].some((rect) => rects[other].some((next) => overlap(rect, next, 1.5)))) {
          faults.push(`${called(beside[one])} lies on ${called(beside[other])}`);
        }
      }
    }
  }

  // Text stays in the box that is drawn around it.
  const hasEdge = (element) => {
    const { backgroundColor, borderTopWidth, borderLeftWidth } = style(element);
    return backgroundColor !== "rgba(0, 0, 0, 0)" || borderTopWidth !== "0px" || borderLeftWidth !== "0px";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element || isDrawn(element) || isHidden(element)) continue;
    if (["OPTION", "TEXTAREA", "SELECT"].includes(element.tagName)) continue;
    const box = above(element, (at) => hasEdge(at) || scrolls(at));
    if (!box || scrolls(box)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const edge = [...box.getClientRects()];
    if ([...range.getClientRects()].some((rect) => rect.width > 0 && !edge.some((line) => within(rect, line, 2)))) {
      faults.push(`the text “${node.data.trim().slice(0, 40)}” leaves ${called(box)}`);
    }
  }

  // In pictures.
  for (const picture of document.querySelectorAll("main svg")) {
    if (isHidden(picture)) continue;
    const frame = picture.getBoundingClientRect();
    const texts = [...picture.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
    for (const [text, rect] of texts) {
      if (!within(rect, frame, 1.5)) faults.push(`the label “${text.textContent}” leaves its picture, ${called(picture)}`);
      const box = text.closest("g.operator, g.edge")?.querySelector("rect:not(.behind)")?.getBoundingClientRect();
      if (box && !within(rect, box, 1)) faults.push(`the label “${text.textContent}” leaves its box`);
      const size = parseFloat(style(text).fontSize) * (rect.height / text.getBBox().height || 1);
      if (size < 10) faults.push(`the label “${text.textContent}” is ${size.toFixed(1)} px high`);
    }
    for (let one = 0; one < texts.length; one += 1) {
      for (let other = one + 1; other < texts.length; other += 1) {
        if (overlap(texts[one][1], texts[other][1], 3)) {
          faults.push(`the label “${texts[one][0].textContent}” lies on “${texts[other][0].textContent}”`);
        }
      }
    }
  }

  // What fingers must hit; a link in a sentence may be as small as its words.
  if (width < 700) {
    for (const target of document.querySelectorAll("button, .button, input, select, textarea, summary, nav a, .brand")) {
      if (isHidden(target) || target.type === "hidden") continue;
      const { width: across, height } = (target.type === "checkbox" ? target.parentElement : target).getBoundingClientRect();
      if (across < 40 || height < 40) faults.push(`${called(target)} is ${across.toFixed(0)} × ${height.toFixed(0)} px small for a finger`);
    }
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!field.labels?.length) faults.push(`${called(field)} has no label`);
  }
  return faults;
}

/** Text that can't be read well: less contrast than 4.5:1, or 3:1 if it is large, as WCAG AA has it. */
export function faultsOfContrast() {
  const faults = new Set();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const known = new Map();
  // A browser draws every way of writing a colour.
  const colour = (text) => {
    if (!known.has(text)) {
      pen.clearRect(0, 0, 1, 1);
      pen.fillStyle = "#000";
      pen.fillStyle = text;
      pen.fillRect(0, 0, 1, 1);
      const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
      known.set(text, { parts: [red, green, blue], alpha: alpha / 255 });
    }
    return known.get(text);
  };
  const over = (top, below) => ({
    parts: top.parts.map((part, at) => part * top.alpha + below.parts[at] * (1 - top.alpha)),
    alpha: 1,
  });
  const light = ({ parts }) => {
    const [red, green, blue] = parts.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = colour(getComputedStyle(at).backgroundColor);
      if (layer.alpha > 0) layers.push(layer);
      if (layer.alpha >= 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), { parts: [255, 255, 255], alpha: 1 });
  };
  // A label in a picture has a rim of its own, or stands on what was drawn there before it.
  const groundOfLabel = (text) => {
    const { stroke, strokeWidth } = getComputedStyle(text);
    if (stroke !== "none" && parseFloat(strokeWidth) > 2) return colour(stroke);
    const at = text.getBoundingClientRect();
    const [x, y] = [(at.left + at.right) / 2, (at.top + at.bottom) / 2];
    const below = [...text.ownerSVGElement.querySelectorAll("rect")].filter((rect) => {
      const box = rect.getBoundingClientRect();
      const isBefore = rect.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
      return isBefore && box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
    });
    return below.reduce((ground, rect) => {
      const { fill, fillOpacity, opacity } = getComputedStyle(rect);
      const layer = colour(fill === "none" ? "transparent" : fill);
      return over({ ...layer, alpha: layer.alpha * parseFloat(fillOpacity) * parseFloat(opacity) }, ground);
    }, ground(text));
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (["TITLE", "OPTION"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const text = element.closest("text");
    const behind = text ? groundOfLabel(text) : ground(element);
    const ink = { ...colour(text ? style.fill : style.color) };
    for (let at = element; at; at = at.parentElement) ink.alpha *= parseFloat(getComputedStyle(at).opacity);
    const [one, other] = [light(over(ink, behind)), light(behind)];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && parseInt(style.fontWeight, 10) >= 700);
    if (contrast < (isLarge ? 3 : 4.5)) faults.add(`“${node.data.trim().slice(0, 40)}” has a contrast of ${contrast.toFixed(2)}:1`);
  }
  return [...faults];
}
