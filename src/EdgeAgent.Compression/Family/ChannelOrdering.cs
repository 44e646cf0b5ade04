using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>
/// Sorts the channels of every group by importance, most important first, by permuting the constants: the model computes the
/// same, and every narrower model is then a prefix of each group.
/// </summary>
public static class ChannelOrdering
{
    /// <summary>
    /// Importance of a channel: the L2 norm over everything that is removed with it in convolutions and dense layers (group-L2,
    /// Fang et al., "DepGraph", 2023), where weights in front of a batch-norm count as the norm scales them.
    /// </summary>
    public static double[][] Importance(GraphSpec graph, IReadOnlyList<ChannelGroup> groups)
    {
        var scaled = ScaledWeights(graph);
        return [.. groups.Select(g => g.Channels.Select(c => Math.Sqrt(c.Positions.Where(p => scaled.ContainsKey(p.Key.Constant))
            .Sum(p => p.Value.Sum(position => SquaredNorm(scaled[p.Key.Constant], p.Key.Axis, position))))).ToArray())];
    }

    public static GraphSpec Apply(GraphSpec graph, IReadOnlyList<ChannelGroup> groups)
    {
        var importance = Importance(graph, groups);
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

    private static Dictionary<string, Tensor> ScaledWeights(GraphSpec graph)
    {
        var norms = graph.Nodes.Where(n => n.Op is BatchNormalization).ToLookup(n => n.Inputs[0]);
        var result = new Dictionary<string, Tensor>();
        foreach (var node in graph.Nodes)
        {
            if (node.Op is not (Conv or Gemm or MatMul) || !graph.Constants.TryGetValue(node.Inputs[1], out var weight))
                continue;
            result[node.Inputs[1]] = weight;
            if (node.Op is not Conv || norms[node.Output].FirstOrDefault() is not { Op: BatchNormalization norm } follower)
                continue;
            var (scale, variance) = (graph.Constants[follower.Inputs[1]].Floats, graph.Constants[follower.Inputs[4]].Floats);
            var rows = (float[])weight.Floats.Clone();
            var length = rows.Length / scale.Length;
            for (var i = 0; i < rows.Length; i++)
                rows[i] *= scale[i / length] / MathF.Sqrt(variance[i / length] + norm.Epsilon);
            result[node.Inputs[1]] = Tensor.Of(rows, weight.Shape);
        }
        return result;
    }

    private static double SquaredNorm(Tensor tensor, int axis, int position)
    {
        var inner = 1;
        for (var i = axis + 1; i < tensor.Shape.Length; i++)
            inner *= tensor.Shape[i];
        var (size, data, sum) = (tensor.Shape[axis], tensor.Floats, 0.0);
        for (var start = position * inner; start < data.Length; start += size * inner)
            for (var i = 0; i < inner; i++)
                sum += (double)data[start + i] * data[start + i];
        return sum;
    }
}
