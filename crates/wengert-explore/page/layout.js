// Where boxes go in a drawing of layers, from left to right or top to bottom (Sugiyama, Tagawa, Toda 1981): layers by longest
// path, long edges cut at layers, order by mean place of the neighbours, places as near to them as gaps allow.
// Only ever given what fits on a screen.

const BOX = { width: 128, height: 48, gap: 16, bend: 10 };

/** From left to right, or from the top down: the distance of layers, and how much room a box takes in its layer. */
const DIRECTIONS = { right: { step: BOX.width + 50, room: BOX.height, long: BOX.width }, down: { step: BOX.height + 44, room: BOX.width, long: BOX.height } };

/** boxes: [{key, order}], links: [{from, to}] by key; sets x, y of boxes (their middle) and bends of links. */
function layOut(boxes, links, down) {
  const { step, room, long } = DIRECTIONS[down ? "down" : "right"];
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
    Object.assign(box, { left: [], right: [], shifts: [], room });
    place(box);
  }
  // Operands of one operation are drawn in their order.
  const join = (a, b, link) => (a.right.push(b), b.left.push(a), a.shifts.push(b.bend || !link.plain ? 0 : (0.4 * link.slot) / link.node.inputs.length));
  for (const link of links) {
    let [a, b] = [at.get(link.from), at.get(link.to)];
    link.bends = [];
    if (a.layer >= b.layer) continue;
    for (let layer = a.layer + 1, last = a; layer <= b.layer; layer++) {
      const next = layer === b.layer ? b : { layer, left: [], right: [], shifts: [], room: BOX.bend, bend: true };
      if (next.bend) link.bends.push(next), place(next);
      join(last, next, link);
      last = next;
    }
  }
  for (let i = 0; i < layers.length; i++) layers[i] ??= [];
  const number = () => layers.forEach((layer) => layer.forEach((cell, i) => (cell.index = i)));
  number();
  for (let round = 0; round < 12; round++) {
    const side = round % 2 ? "right" : "left";
    for (const layer of round % 2 ? [...layers].reverse() : layers) {
      for (const cell of layer) cell.mean = cell[side].length ? cell[side].reduce((sum, other, i) => sum + other.index + (side === "right" ? cell.shifts[i] : 0), 0) / cell[side].length : cell.index;
      layer.sort((a, b) => a.mean - b.mean);
      layer.forEach((cell, i) => (cell.index = i));
    }
  }
  for (const layer of layers) stack(layer, layer.map((cell) => cell.index * (room + BOX.gap)));
  for (let round = 0; round < 10; round++) {
    for (const layer of round % 2 ? [...layers].reverse() : layers) {
      stack(layer, layer.map((cell) => {
        const near = round < 8 ? cell[round % 2 ? "right" : "left"] : [...cell.left, ...cell.right];
        return near.length ? near.reduce((sum, other) => sum + other.side, 0) / near.length : cell.side;
      }));
    }
  }
  const cells = layers.flat(), first = Math.min(...cells.map((cell) => cell.side - cell.room / 2));
  layers.forEach((layer, i) => layer.forEach((cell) => {
    const [along, side] = [8 + long / 2 + i * step, cell.side - first + 8];
    Object.assign(cell, down ? { x: side, y: along } : { x: along, y: side });
  }));
  const [length, breadth] = [16 + (layers.length - 1) * step + long, 8 + Math.max(...cells.map((cell) => cell.side - first + 8 + cell.room / 2))];
  return { down, width: down ? breadth : length, height: down ? length : breadth };
}

/** Places nearest to those wished, in the layer's order and without overlap: neighbours that collide move as one. */
function stack(layer, wished) {
  const blocks = [];
  let offset = 0;
  layer.forEach((cell, i) => {
    cell.offset = offset += i ? (layer[i - 1].room + cell.room) / 2 + BOX.gap * (cell.bend && layer[i - 1].bend ? 0.3 : 1) : 0;
    blocks.push({ sum: wished[i] - cell.offset, count: 1 });
    while (blocks.length > 1 && blocks.at(-2).sum / blocks.at(-2).count > blocks.at(-1).sum / blocks.at(-1).count) {
      const last = blocks.pop();
      blocks.at(-1).sum += last.sum;
      blocks.at(-1).count += last.count;
    }
  });
  let i = 0;
  for (const { sum, count } of blocks) for (const end = i + count; i < end; i++) layer[i].side = sum / count + layer[i].offset;
}

function groupBy(list, key) {
  const groups = new Map();
  for (const item of list) groups.has(key(item)) ? groups.get(key(item)).push(item) : groups.set(key(item), [item]);
  return groups;
}
