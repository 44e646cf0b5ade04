namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Branches. Exporters write an If where a shape decides what is computed (PyTorch for a squeeze, for example); shapes are known
/// at import, and the branch that is taken stands in the place of the node.
/// </summary>
internal static class OnnxBranches
{
    public static void If(OnnxNode node, OnnxGraphBuilder graph)
    {
        if (graph.Folded(node.Input(0)) is not { IsConstant: true, Numbers: [var condition] })
            throw node.Fault("its condition is computed from data or depends on the batch, which is not supported; export the model without branches");
        var branch = condition.Value != 0 ? "then_branch" : "else_branch";
        graph.Inline(node, node.Subgraph(branch) ?? throw node.Fault($"has no {branch}"));
    }

    /// <summary>Names that the bodies of a node read and do not define.</summary>
    public static IEnumerable<string> OuterReads(NodeProto node)
    {
        foreach (var body in node.Attribute.Where(a => a.G is not null).Select(a => a.G))
        {
            var own = body.Node.SelectMany(n => n.Output).Concat(body.Initializer.Select(i => i.Name)).Concat(body.Input.Select(i => i.Name)).ToHashSet();
            foreach (var name in body.Node.SelectMany(n => n.Input.Concat(OuterReads(n))).Concat(body.Output.Select(o => o.Name)))
                if (name.Length > 0 && !own.Contains(name))
                    yield return name;
        }
    }
}
