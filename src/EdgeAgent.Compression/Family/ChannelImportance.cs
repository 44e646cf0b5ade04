using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using TorchSharp;

namespace EdgeAgent.Compression.Family;

/// <summary>What a model loses with each channel; comparable within a group, and between groups as each criterion says.</summary>
public static class ChannelImportance
{
    /// <summary>
    /// Importance of a channel: the L2 norm over everything that is removed with it in convolutions and dense layers (group-L2,
    /// Fang et al., "DepGraph", 2023), where weights in front of a batch-norm count as the norm scales them.
    /// </summary>
    public static double[][] GroupL2(GraphSpec graph, IReadOnlyList<ChannelGroup> groups)
    {
        var scaled = ScaledWeights(graph);
        return [.. groups.Select(g => g.Channels.Select(c => Math.Sqrt(c.Positions.Where(p => scaled.ContainsKey(p.Key.Constant))
            .Sum(p => p.Value.Sum(position => SquaredNorm(scaled[p.Key.Constant], p.Key.Axis, position))))).ToArray())];
    }

    /// <summary>
    /// Importance of a channel: the square of what the loss would change by, to first order, if the channel were zero (Molchanov
    /// et al., "Importance Estimation for Neural Network Pruning", 2019), summed over batches. The channel is switched off at its
    /// batch-norms, scale and shift together: the weights in front of a batch-norm have no say in how large it is. A group
    /// without batch-norms is switched off at its layers' rows and biases. Comparable between groups.
    /// </summary>
    /// <param name="batches">Plain images, of which the labels are learnt.</param>
    public static double[][] Taylor(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, BatchSource images, IEnumerable<Batch> batches)
    {
        var executor = new TorchGraph(graph, bfloat16: false);
        using var parameters = new FrozenParameters(graph, bfloat16: false);
        var gates = Array.ConvertAll([.. groups], g => Gates(graph, g));
        var leaves = gates.SelectMany(g => g).Select(g => g.Constant).Distinct().ToDictionary(name => name, name => parameters.Lookup(name).requires_grad_(true));
        var result = groups.Select(g => new double[g.Size]).ToArray();
        foreach (var batch in batches)
        {
            using var scope = torch.NewDisposeScope();
            var logits = executor.Run(images.Tensor(batch), parameters.Lookup, training: false);
            torch.nn.functional.cross_entropy(logits, torch.tensor(batch.Labels)).backward();
            var effects = leaves.ToDictionary(l => l.Key, l => l.Value.grad is { } gradient ? l.Value.detach().mul(gradient).ToFloats() : null);
            foreach (var leaf in leaves.Values)
                leaf.grad = null;
            for (var g = 0; g < groups.Count; g++)
                for (var c = 0; c < groups[g].Size; c++)
                {
                    var effect = gates[g].Sum(gate => effects[gate.Constant] is { } values ? groups[g].Channels[c].Positions[gate].Sum(p => Sum(values, graph.Constants[gate.Constant].Shape, gate.Axis, p)) : 0);
                    result[g][c] += effect * effect;
                }
        }
        return result;
    }

    /// <summary>Axes of constants along which a group's channels are switched off.</summary>
    private static ConstantAxis[] Gates(GraphSpec graph, ChannelGroup group)
    {
        var members = group.Channels[0].Positions.Keys.ToHashSet();
        ConstantAxis[] norms = [.. graph.Nodes.Where(n => n.Op is BatchNormalization).SelectMany(n => n.Inputs.Skip(1).Take(2)).Select(name => new ConstantAxis(name, 0)).Where(members.Contains)];
        return norms.Length > 0 ? norms : [.. graph.Nodes.Where(n => n.Op is Conv or Gemm or MatMul).SelectMany(n => OutputAxes(graph, n)).Where(members.Contains).Distinct()];
    }

    /// <summary>Of a layer's weights and bias.</summary>
    private static IEnumerable<ConstantAxis> OutputAxes(GraphSpec graph, Node layer)
    {
        yield return new ConstantAxis(layer.Inputs[1], layer.Op is MatMul or Gemm { TransposeB: false } ? 1 : 0);
        if (layer.Inputs.Count > 2 && graph.Constants.TryGetValue(layer.Inputs[2], out var bias))
            yield return new ConstantAxis(layer.Inputs[2], bias.Shape.Length - 1);
    }

    private static double Sum(float[] values, int[] shape, int axis, int position)
    {
        var sum = 0.0;
        foreach (var (start, count) in Runs(shape, axis, position))
            foreach (var value in values.AsSpan(start, count))
                sum += value;
        return sum;
    }

    /// <summary>Where the elements at a position of an axis lie, in runs of neighbours.</summary>
    private static IEnumerable<(int Start, int Count)> Runs(int[] shape, int axis, int position)
    {
        var inner = shape[(axis + 1)..].Aggregate(1, (a, d) => a * d);
        var total = shape[..(axis + 1)].Aggregate(inner, (a, d) => a * d);
        for (var start = position * inner; start < total; start += shape[axis] * inner)
            yield return (start, inner);
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
        var sum = 0.0;
        foreach (var (start, count) in Runs(tensor.Shape, axis, position))
            foreach (var value in tensor.Floats.AsSpan(start, count))
                sum += (double)value * value;
        return sum;
    }
}
