// Where boxes go in a drawing of layers from left to right (Sugiyama, Tagawa, Toda 1981): layers by longest
// path, long edges cut at layers, order by mean place of the neighbours, heights as near to them as gaps allow.
// Only ever given what fits on a screen.

const BOX = { width: 128, height: 48, gapX: 50, gapY: 16, bend: 10 };

/** boxes: [{key, order, leaf}], links: [{from, to}] by key; sets x, y of boxes and points of links. */
function layOut(boxes, links) {
  const at = new Map(boxes.map((box) => [box.key, box]));
  const forwards = links.filter(({ from, to }) => at.get(from).order < at.get(to).order);
  const byOrder = [...boxes].sort((a, b) => a.order - b.order);
  const into = groupBy(forwards, (link) => link.to), out = groupBy(forwards, (link) => link.from);
  for (const box of byOrder) box.layer = Math.max(0, ...(into.get(box.key) ?? []).map((link) => at.get(link.from).layer + 1));
  // Leaves stand next to what reads them first.
  for (const box of [...byOrder].reverse()) {
    const readers = (out.get(box.key) ?? []).map((link) => at.get(link.to).layer);
    if (readers.length && !into.has(box.key)) box.layer = Math.min(...readers) - 1;
  }
  const layers = [];
  const place = (cell) => (layers[cell.layer] ??= []).push(cell);
  for (const box of byOrder) {
    Object.assign(box, { left: [], right: [], height: box.height ?? BOX.height });
    place(box);
  }
  const join = (a, b) => (a.right.push(b), b.left.push(a));
  for (const link of links) {
    let [a, b] = [at.get(link.from), at.get(link.to)];
    link.bends = [];
    if (a.layer >= b.layer) continue;
    for (let layer = a.layer + 1, last = a; layer <= b.layer; layer++) {
      const next = layer === b.layer ? b : { layer, left: [], right: [], height: BOX.bend, bend: true };
      if (next.bend) link.bends.push(next), place(next);
      join(last, next);
      last = next;
    }
  }
  for (let i = 0; i < layers.length; i++) layers[i] ??= [];
  const number = () => layers.forEach((layer) => layer.forEach((cell, i) => (cell.index = i)));
  number();
  for (let round = 0; round < 12; round++) {
    const side = round % 2 ? "right" : "left";
    for (const layer of round % 2 ? [...layers].reverse() : layers) {
      for (const cell of layer) cell.mean = cell[side].length ? cell[side].reduce((sum, other) => sum + other.index, 0) / cell[side].length : cell.index;
      layer.sort((a, b) => a.mean - b.mean);
      layer.forEach((cell, i) => (cell.index = i));
    }
  }
  for (const layer of layers) stack(layer, layer.map((cell) => cell.index * (BOX.height + BOX.gapY)));
  for (let round = 0; round < 10; round++) {
    for (const layer of round % 2 ? [...layers].reverse() : layers) {
      stack(layer, layer.map((cell) => {
        const near = round < 8 ? cell[round % 2 ? "right" : "left"] : [...cell.left, ...cell.right];
        return near.length ? near.reduce((sum, other) => sum + other.y, 0) / near.length : cell.y;
      }));
    }
  }
  const cells = layers.flat(), top = Math.min(...cells.map((cell) => cell.y - cell.height / 2));
  layers.forEach((layer, i) => layer.forEach((cell) => Object.assign(cell, { x: 8 + i * (BOX.width + BOX.gapX), y: cell.y - top + 8 })));
  return { width: 16 + layers.length * (BOX.width + BOX.gapX) - BOX.gapX, height: 16 + Math.max(...cells.map((cell) => cell.y + cell.height / 2)) };
}

/** Heights nearest to those wished, in the layer's order and without overlap: neighbours that collide move as one. */
function stack(layer, wished) {
  const blocks = [];
  let offset = 0;
  layer.forEach((cell, i) => {
    cell.offset = offset += i ? (layer[i - 1].height + cell.height) / 2 + BOX.gapY * (cell.bend && layer[i - 1].bend ? 0.3 : 1) : 0;
    blocks.push({ sum: wished[i] - cell.offset, count: 1 });
    while (blocks.length > 1 && blocks.at(-2).sum / blocks.at(-2).count > blocks.at(-1).sum / blocks.at(-1).count) {
      const last = blocks.pop();
      blocks.at(-1).sum += last.sum;
      blocks.at(-1).count += last.count;
    }
  });
  let i = 0;
  for (const { sum, count } of blocks) for (const end = i + count; i < end; i++) layer[i].y = sum / count + layer[i].offset;
}

function groupBy(list, key) {
  const groups = new Map();
  for (const item of list) groups.has(key(item)) ? groups.get(key(item)).push(item) : groups.set(key(item), [item]);
  return groups;
}
