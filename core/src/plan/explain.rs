//! A plan as text, and as a picture.

use std::fmt::Write as _;

use super::{Edge, Graph};
use crate::exchange::Pattern;

fn pattern(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Forward => "same worker",
        Pattern::Exchange => "by key",
        Pattern::Gather => "to worker 0",
        Pattern::Broadcast => "to all workers",
        Pattern::Rebalance => "in turn",
        Pattern::Partition => "by partitioner",
    }
}

/// The fused operators of an edge, and how it finds its worker.
fn way(edge: &Edge) -> String {
    let mut way = edge.chain.join(" → ");
    if !way.is_empty() {
        way.push_str(" → ");
    }
    way.push_str(pattern(edge.pattern));
    way
}

/// One paragraph an operator: what it is, and where its outputs go.
pub(super) fn text(graph: &Graph) -> String {
    let mut text = String::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let detail =
            if node.detail.is_empty() { String::new() } else { format!(": {}", node.detail) };
        writeln!(text, "{} \"{}\"{detail}", node.kind, node.name).expect("invariant: memory");
        for edge in graph.edges.iter().filter(|edge| edge.from == index) {
            let target = &graph.nodes[edge.to];
            let output = node.outputs[edge.output];
            let label = if output.is_empty() { String::new() } else { format!("{output} ") };
            writeln!(
                text,
                "  └ {label}[{}] {} ⇒ {} \"{}\"",
                edge.record,
                way(edge),
                target.kind,
                target.name
            )
            .expect("invariant: memory");
        }
    }
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Graphviz: boxes and arrows, exchanges bold.
pub(super) fn dot(graph: &Graph) -> String {
    let mut dot = String::from("digraph job {\n  rankdir=LR;\n  node [shape=box];\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let label = quoted(&format!("{}\n{}", node.name, node.kind)).replace('\n', "\\n");
        writeln!(dot, "  n{index} [label={label}];").expect("invariant: memory");
    }
    for edge in &graph.edges {
        let output = graph.nodes[edge.from].outputs[edge.output];
        let label = quoted([output, &way(edge)].join(" ").trim());
        let style = if edge.pattern == Pattern::Forward { "solid" } else { "bold" };
        writeln!(dot, "  n{} -> n{} [label={label}, style={style}];", edge.from, edge.to)
            .expect("invariant: memory");
    }
    dot.push_str("}\n");
    dot
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Node;

    fn graph() -> Graph {
        let node = |name: &str, kind, detail: &str, outputs: &[&'static str]| Node {
            name: name.into(),
            kind,
            detail: detail.into(),
            outputs: outputs.to_vec(),
        };
        let edge = |from, output, to, pattern, chain: &[&'static str]| Edge {
            from,
            output,
            to,
            port: 0,
            pattern,
            chain: chain.to_vec(),
            record: "Bid",
        };
        Graph {
            nodes: vec![
                node("a \"b\"", "source", "two files", &[""]),
                node("w", "window", "", &["on_time", "late"]),
                node("out", "sink", "", &[]),
            ],
            edges: vec![
                edge(0, 0, 1, Pattern::Exchange, &["filter", "map"]),
                edge(1, 0, 2, Pattern::Forward, &[]),
                edge(1, 1, 2, Pattern::Gather, &[]),
                edge(1, 1, 2, Pattern::Broadcast, &[]),
                edge(1, 1, 2, Pattern::Rebalance, &[]),
                edge(1, 1, 2, Pattern::Partition, &[]),
            ],
        }
    }

    #[test]
    fn text_names_every_operator_and_where_its_outputs_go() {
        let expected = "\
source \"a \"b\"\": two files
  └ [Bid] filter → map → by key ⇒ window \"w\"
window \"w\"
  └ on_time [Bid] same worker ⇒ sink \"out\"
  └ late [Bid] to worker 0 ⇒ sink \"out\"
  └ late [Bid] to all workers ⇒ sink \"out\"
  └ late [Bid] in turn ⇒ sink \"out\"
  └ late [Bid] by partitioner ⇒ sink \"out\"
sink \"out\"
";
        assert_eq!(text(&graph()), expected);
    }

    #[test]
    fn dot_quotes_names_and_draws_exchanges_bold() {
        let dot = dot(&graph());
        assert!(dot.contains(r#"n0 [label="a \"b\"\nsource"];"#), "{dot}");
        assert!(dot.contains(r#"n0 -> n1 [label="filter → map → by key", style=bold];"#), "{dot}");
        assert!(dot.contains(r#"n1 -> n2 [label="on_time same worker", style=solid];"#), "{dot}");
        assert!(dot.contains(r#"n1 -> n2 [label="late to all workers", style=bold];"#), "{dot}");
    }
}
