using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Family;

/// <summary>
/// Parameters and multiply-accumulates of a narrower model as functions of the channels kept, without making the model: the
/// length of every axis is linear in the channels of its groups.
/// </summary>
public sealed class ChannelCosts
{
    private readonly List<(AxisLength[] Axes, double MacsPerWeight)> _weights = [];
    private readonly List<AxisLength> _norms = [], _convolutions = [], _layers = [];
    private readonly long _fixedParameters;

    /// <summary>Channels of group g bring <c>PerGroup[g]</c> positions each; <c>Fixed</c> belong to no group.</summary>
    private sealed record AxisLength(int Fixed, (int Group, int Positions)[] PerGroup)
    {
        public long Of(IReadOnlyList<int> counts)
        {
            long length = Fixed;
            foreach (var (group, positions) in PerGroup)
                length += (long)counts[group] * positions;
            return length;
        }
    }

    /// <param name="graph">With its batch-norms, which count as one bias for each channel, as they are once folded.</param>
    public ChannelCosts(GraphSpec graph, IReadOnlyList<ChannelGroup> groups)
    {
        var perAxis = new Dictionary<ConstantAxis, List<(int, int)>>();
        for (var g = 0; g < groups.Count; g++)
            foreach (var (axis, positions) in groups[g].Channels[0].Positions)
            {
                if (!perAxis.TryGetValue(axis, out var list))
                    perAxis[axis] = list = [];
                list.Add((g, positions.Length));
            }
        AxisLength Length(string constant, int axis)
        {
            var size = graph.Constants[constant].Shape[axis];
            (int Group, int Positions)[] parts = [.. perAxis.GetValueOrDefault(new ConstantAxis(constant, axis)) ?? []];
            return new AxisLength(size - parts.Sum(p => groups[p.Group].Size * p.Positions), parts);
        }

        var values = ShapeInference.Infer(graph, batch: 1);
        var macs = new Dictionary<string, double>();
        foreach (var node in graph.Nodes)
        {
            if (node.Op is Conv or Gemm or MatMul && graph.Constants.TryGetValue(node.Inputs[1], out var weight))
                macs[node.Inputs[1]] = macs.GetValueOrDefault(node.Inputs[1]) + (double)GraphStatistics.MacsOf(node, values) / weight.Count;
            if (node.Op is Conv)
                _convolutions.Add(Length(node.Inputs[1], 0));
            if (node.Op is Conv or ConvTranspose or Gemm or MatMul && graph.Constants.TryGetValue(node.Inputs[1], out var kernel))
                _layers.Add(Length(node.Inputs[1], node.Op switch { Conv or Gemm { TransposeB: true } => 0, ConvTranspose => 1, _ => kernel.Shape.Length - 1 }));
            if (node.Op is BatchNormalization)
                _norms.Add(Length(node.Inputs[1], 0));
        }
        foreach (var (name, constant) in graph.Constants)
            if (constant.Type is not (ElementType.Int64 or ElementType.Bool))
            {
                if (constant.Shape.Length == 0)
                    _fixedParameters++;
                else
                    _weights.Add(([.. Enumerable.Range(0, constant.Shape.Length).Select(a => Length(name, a))], macs.GetValueOrDefault(name)));
            }
    }

    /// <summary>Weights and biases after batch-norms are folded.</summary>
    public long Parameters(IReadOnlyList<int> counts)
    {
        var sum = _fixedParameters;
        foreach (var (axes, _) in _weights)
            sum += Elements(axes, counts);
        foreach (var norm in _norms)
            sum -= 3 * norm.Of(counts);
        return sum;
    }

    /// <summary>At batch 1.</summary>
    public long Macs(IReadOnlyList<int> counts)
    {
        var sum = 0.0;
        foreach (var (axes, perWeight) in _weights)
            if (perWeight > 0)
                sum += perWeight * Elements(axes, counts);
        return (long)Math.Round(sum);
    }

    /// <summary>Output channels of all convolutions together.</summary>
    public long ConvolutionChannels(IReadOnlyList<int> counts)
    {
        var sum = 0L;
        foreach (var convolution in _convolutions)
            sum += convolution.Of(counts);
        return sum;
    }

    /// <summary>Natural logarithms of the output channels of all convolutions and dense layers, summed.</summary>
    public double Logarithms(IReadOnlyList<int> counts) => _layers.Sum(c => Math.Log(Math.Max(1, c.Of(counts))));

    private static long Elements(AxisLength[] axes, IReadOnlyList<int> counts)
    {
        var product = 1L;
        foreach (var axis in axes)
            product *= axis.Of(counts);
        return product;
    }
}
