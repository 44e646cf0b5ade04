using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>Which positions of each constant's axes a narrower model keeps, ascending; axes not listed are kept whole.</summary>
public sealed class Slice
{
    private readonly Dictionary<ConstantAxis, int[]> _kept = [];

    /// <param name="counts">Channels to keep of each group, in the order of <paramref name="groups"/>: its first ones.</param>
    public Slice(IReadOnlyList<ChannelGroup> groups, IReadOnlyList<int> counts)
    {
        var positions = new Dictionary<ConstantAxis, List<int>>();
        for (var g = 0; g < groups.Count; g++)
        {
            var count = groups[g].Frozen ? groups[g].Size : counts[g];
            if (count < 1 || count > groups[g].Size)
                throw new ArgumentOutOfRangeException(nameof(counts), $"group {groups[g].Name} has {groups[g].Size} channels; {count} cannot be kept");
            for (var c = 0; c < count; c++)
                foreach (var (axis, places) in groups[g].Channels[c].Positions)
                {
                    if (!positions.TryGetValue(axis, out var list))
                        positions[axis] = list = [];
                    list.AddRange(places);
                }
        }
        foreach (var (axis, list) in positions)
        {
            list.Sort();
            _kept[axis] = [.. list];
        }
    }

    /// <summary>Kept positions of an axis; null keeps all.</summary>
    public int[]? Kept(string constant, int axis) => _kept.GetValueOrDefault(new ConstantAxis(constant, axis));

    /// <summary>The narrower model, with copies of the kept weights.</summary>
    public GraphSpec Apply(GraphSpec graph)
    {
        var constants = graph.Constants.ToDictionary(c => c.Key, c => Cut(c.Key, c.Value));
        var nodes = graph.Nodes.Select(node => node.Op switch
        {
            Conv { Groups: > 1 } conv when graph.Constants[node.Inputs[1]].Shape[1] == 1 =>
                node with { Op = conv with { Groups = constants[node.Inputs[1]].Shape[0] / (graph.Constants[node.Inputs[1]].Shape[0] / conv.Groups) } },
            // A written-out length would be the wide model's.
            Reshape { Shape: [0 or -1, _, .. var ones] } when Array.TrueForAll(ones, d => d == 1) => node with { Op = new Reshape([0, -1, .. ones]) },
            _ => node,
        }).ToArray();
        return (graph with { Nodes = nodes, Constants = constants }).Verify();
    }

    private Tensor Cut(string name, Tensor tensor)
    {
        for (var axis = 0; axis < tensor.Shape.Length; axis++)
            if (Kept(name, axis) is { } kept && kept.Length < tensor.Shape[axis])
                tensor = TensorAxes.Select(tensor, axis, kept);
        return tensor;
    }
}
