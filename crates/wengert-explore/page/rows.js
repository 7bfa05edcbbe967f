// The rows of the tape: nodes in recording order, grouped by scope, repeated scopes folded; and the lanes
// that run beside them from where a value is computed to where it is last read, as in a log of branches.

const LANES_AT_MOST = 10;

/** {kind: "group" | "node" | "more", level, ...} for what is not collapsed. */
function buildRows(trace, collapsed, unfolded, focus) {
  const tree = (trace.tree ??= groupByScope(trace)), rows = [];
  const walk = (children, level) => {
    for (let i = 0; i < children.length; i++) {
      const child = children[i];
      if (child.node) {
        rows.push({ kind: "node", level, node: child.node });
        continue;
      }
      const open = !collapsed.has(child.key);
      rows.push({ kind: "group", level, group: child, open });
      if (open) walk(child.children, level + 1);
      const alike = repeats(children, i);
      if (alike <= 1 || unfolded.has(child.key)) continue;
      // The one with the focus is shown between those before and those after it.
      const end = i + alike, shown = children.findIndex(({ first, last }, j) => j > i && j <= end && first <= focus && focus <= last);
      const fold = (from, to) => from <= to && rows.push({ kind: "more", level, group: child, count: to - from + 1, from: children[from], to: children[to] });
      fold(i + 1, shown < 0 ? end : shown - 1);
      if (shown >= 0) {
        const group = children[shown], open = !collapsed.has(group.key);
        rows.push({ kind: "group", level, group, open });
        if (open) walk(group.children, level + 1);
        fold(shown + 1, end);
      }
      i = end;
    }
  };
  walk(tree.children, 1);
  rows.forEach((row, index) => (row.index = index));
  return rows;
}

/** Runs of nodes of one scope, nested as the scopes' paths are. */
function groupByScope(trace) {
  const root = { key: "", name: "", children: [], first: 0 };
  let open = [root];
  for (const node of trace.nodes) {
    const path = node.scope ? node.scope.split("/") : [];
    let depth = 0;
    while (depth < path.length && open[depth + 1]?.name === path[depth]) depth++;
    open.length = depth + 1;
    for (; depth < path.length; depth++) {
      const group = { key: `${node.id}:${depth}`, name: path[depth], children: [], first: node.id };
      open.at(-1).children.push(group);
      open.push(group);
    }
    open.at(-1).children.push({ node });
    for (const group of open) group.last = node.id;
  }
  return root;
}

/** How many groups after children[i] are as it is: the same operations in the same order. */
function repeats(children, i) {
  let count = 0;
  const shape = signature(children[i]);
  while (children[i + count + 1]?.children && signature(children[i + count + 1]) === shape) count++;
  return count;
}
function signature(item) {
  if (item.node) return item.node.op;
  item.signature ??= `${item.name.replace(/\d+/g, "#")}(${item.children.map(signature).join(" ")})`;
  return item.signature;
}

/** Lanes by node: {lane, until}, the lowest free one from the node to its last reader; leaves only if all fit. */
function assignLanes(trace) {
  const attempt = (withLeaves) => {
    const free = [], lanes = trace.nodes.map(() => null);
    let width = 0;
    for (const node of trace.nodes) {
      const until = Math.max(node.id, ...node.uses.map(([id]) => id));
      // A lane ends at the row that reads it last, which may begin its own there.
      if (until === node.id && node.uses.length === 0 || withLeaves || !isLeaf(node)) {
        // Leaves without lanes have the first column to themselves.
        let lane = withLeaves ? 0 : 1;
        while (free[lane] > node.id) lane++;
        free[lane] = until;
        lanes[node.id] = { lane, until };
        width = Math.max(width, lane + 1);
      }
    }
    return { lanes, width };
  };
  const all = attempt(true);
  return all.width <= LANES_AT_MOST ? all : attempt(false);
}

/** For each node the lanes that pass its row, as [lane, id]; those beyond the widest are left out. */
function passingLanes(trace, { lanes }) {
  const passing = trace.nodes.map(() => []);
  lanes.forEach((at, id) => {
    if (!at || at.lane >= LANES_AT_MOST) return;
    for (let row = id + 1; row < at.until && passing[row]; row++) passing[row].push([at.lane, id]);
  });
  return passing;
}
