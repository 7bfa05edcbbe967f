// Why a gradient is missing or zero: the reason that applies, found in the trace.

/** Why the node has no adjoint at this time, or one that is 0 everywhere; "" if it has one. */
function why(trace, node, time) {
  if (node.adjoint && receivedAt(node, time) < node.incoming.length) {
    if (time <= trace.forwardEnd) return t("why.forward");
    if (receivedAt(node, time) === 0) return t("why.pending", { count: node.incoming.length });
    return "";
  }
  if (node.adjoint?.data) {
    if (node.adjoint.data.some((x) => x !== 0)) return "";
    const flat = node.incoming.filter(({ delta }) => delta?.data?.every((x) => x === 0)).length;
    return t("why.zero", { k: flat, of: node.incoming.length, from: node.incoming.map(({ edge }) => (edge ? nodeLabel(edge.consumer) : "")).join(", ") });
  }
  if (node.adjoint) return "";
  if (node.op === "constant") return t("why.constant");
  const cut = cutBelow(trace, node);
  if (cut) return t("why.detached", { node: nodeLabel(cut), place: `${cut.file}:${cut.line}` });
  if (!node.wants) return t("why.unwanted");
  if (!reachesRoot(trace, node)) return t("why.nopath", { roots: trace.roots.map((root) => nodeLabel(trace.nodes[root.node])).join(", ") });
  return node.why || t("why.unknown");
}

/** All nodes that read the node's value, directly or not; calls `visit` on each, which may stop a branch. */
function downstream(trace, node, visit) {
  const seen = new Set([node.id]), open = [node.id];
  while (open.length) {
    for (const [id] of trace.nodes[open.pop()].uses) {
      if (!seen.has(id) && visit(trace.nodes[id]) !== false) open.push(id);
      seen.add(id);
    }
  }
}
function cutBelow(trace, node) {
  let cut = null;
  if (node.op === "detach") return node;
  downstream(trace, node, (other) => (other.op === "detach" && !cut ? ((cut = other), false) : true));
  return cut;
}
function reachesRoot(trace, node) {
  const roots = new Set(trace.roots.map((root) => root.node));
  let found = roots.has(node.id);
  downstream(trace, node, (other) => { if (roots.has(other.id)) found = true; });
  return found;
}
