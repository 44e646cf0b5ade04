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
        var leaves = gates.SelectMany(g => g).Distinct().ToDictionary(name => name, name => parameters.Lookup(name).requires_grad_(true));
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
                    var effect = gates[g].Sum(name => effects[name] is { } values ? Sum(values, graph.Constants[name].Shape, groups[g].Channels[c].Positions[new ConstantAxis(name, 0)]) : 0);
                    result[g][c] += effect * effect;
                }
        }
        return result;
    }

    /// <summary>Constants whose first axis switches a group's channels.</summary>
    private static string[] Gates(GraphSpec graph, ChannelGroup group)
    {
        var members = group.Channels[0].Positions.Keys.Where(axis => axis.Axis == 0).Select(axis => axis.Constant).ToHashSet();
        string[] norms = [.. graph.Nodes.Where(n => n.Op is BatchNormalization).SelectMany(n => n.Inputs.Skip(1).Take(2)).Where(members.Contains)];
        return norms.Length > 0 ? norms : [.. graph.Nodes.Where(n => n.Op is Conv or Gemm { TransposeB: true }).SelectMany(n => n.Inputs.Skip(1)).Where(members.Contains).Distinct()];
    }

    private static double Sum(float[] values, int[] shape, int[] rows)
    {
        var length = values.Length / shape[0];
        var sum = 0.0;
        foreach (var row in rows)
            foreach (var value in values.AsSpan(row * length, length))
                sum += value;
        return sum;
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
