using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>
/// Sorts the channels of every group by importance, most important first, by permuting the constants: the model computes the
/// same, and every narrower model is then a prefix of each group.
/// </summary>
public static class ChannelOrdering
{
    /// <param name="importance">Of every channel of every group.</param>
    public static GraphSpec Apply(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, IReadOnlyList<double[]> importance)
    {
        // Start from the identity on every axis and move whole channels, place by place.
        var sources = new Dictionary<ConstantAxis, int[]>();
        for (var g = 0; g < groups.Count; g++)
        {
            if (groups[g].Frozen)
                continue;
            var ranked = Enumerable.Range(0, groups[g].Size).OrderByDescending(i => importance[g][i]).ThenBy(i => i).ToArray();
            for (var rank = 0; rank < ranked.Length; rank++)
                foreach (var (axis, places) in groups[g].Channels[rank].Positions)
                {
                    if (!sources.TryGetValue(axis, out var permutation))
                        sources[axis] = permutation = [.. Enumerable.Range(0, graph.Constants[axis.Constant].Shape[axis.Axis])];
                    var from = groups[g].Channels[ranked[rank]].Positions[axis];
                    for (var i = 0; i < places.Length; i++)
                        permutation[places[i]] = from[i];
                }
        }
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        foreach (var (axis, permutation) in sources)
            constants[axis.Constant] = TensorAxes.Select(constants[axis.Constant], axis.Axis, permutation);
        return (graph with { Constants = constants }).Verify();
    }
}
