using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Images that a model takes with their channels last are taken with their channels first, [N, H, W, C] as [N, C, H, W],
/// where that leaves fewer Transposes in the graph. This changes what the caller hands in, so it is for callers that make
/// the input themselves, by a pre-processing whose layout follows the graph's input; all others keep the file's interface.
/// </summary>
public static class PlanarInputs
{
    public static GraphSpec Apply(GraphSpec graph) => graph.Inputs.Aggregate(graph, (turned, input) => Apply(turned, input.Name)).Verify();

    /// <summary>The graph with <paramref name="input"/> planar; the graph itself where that would not help.</summary>
    internal static GraphSpec Apply(GraphSpec graph, string input)
    {
        var spec = graph.Inputs.Single(i => i.Name == input);
        var before = graph.Nodes.Count(n => n.Op is Transpose);
        if (spec.Shape.Length != 4 || before == 0 || graph.Outputs.Any(o => o.Name == input))
            return graph;
        var last = graph.FreshName(input + "_last");
        var turned = graph with
        {
            Inputs = [.. graph.Inputs.Select(i => i == spec ? i with { Shape = [i.Shape[0], i.Shape[3], i.Shape[1], i.Shape[2]] } : i)],
            Nodes =
            [
                new(input + "_transpose", new Transpose([0, 2, 3, 1]), [input], [last]),
                .. graph.Nodes.Select(n => n with { Inputs = [.. n.Inputs.Select(i => i == input ? last : i)] }),
            ],
        };
        turned = CancelTransposes.Apply(turned);
        return turned.Nodes.Count(n => n.Op is Transpose) < before ? turned : graph;
    }
}
