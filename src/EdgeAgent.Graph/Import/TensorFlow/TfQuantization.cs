using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>Values rounded to the steps of a range, as a model trained for integers computes them in float32.</summary>
internal static class TfQuantization
{
    /// <summary>Inputs: x, the range's ends, one for all elements or one for each channel. The range is moved so that 0 is one of its steps.</summary>
    public static Laid Stepped(TfNode node, ChannelsLastGraph graph)
    {
        var (low, high) = (node.Constant(1, "range"), node.Constant(2, "range"));
        var bits = node.Int("num_bits", 8);
        if (bits is < 2 or > 16 || low.Count != high.Count || low.Floats.Zip(high.Floats).Any(r => !(r.First <= 0 && r.Second >= 0 && float.IsFinite(r.Second - r.First))))
            throw node.Fault("its range does not hold 0, or its number of bits is none of 2 to 16, which is not supported");
        var (first, last) = (node.Flag("narrow_range") ? 1f : 0f, (float)((1 << (int)bits) - 1));
        var steps = new (float Size, float Inverse, float Low, float High)[low.Count];
        for (var i = 0; i < steps.Length; i++)
        {
            var size = (high.Floats[i] - low.Floats[i]) / (last - first);
            // A range of nothing makes everything 0.
            if (size == 0)
                continue;
            var zero = MathF.Round(Math.Clamp(first - low.Floats[i] / size, first, last), MidpointRounding.AwayFromZero);
            steps[i] = (size, 1 / size, (first - zero) * size, (last - zero) * size);
        }
        Laid Numbers(string role, Func<(float Size, float Inverse, float Low, float High), float> of) =>
            new(graph.Assembly.Constant($"{node.Name}_{role}", Tensor.Of(Array.ConvertAll(steps, s => of(s)), low.Shape)));
        Laid lowest = Numbers("low", s => s.Low), half = new(graph.Assembly.Constant(node.Name + "_half", Tensor.Of([0.5f], [])));
        var clipped = graph.Binary(node.Name + "_bounded", new Min(), graph.Binary(node.Name + "_raised", new Max(), node.Data(0), lowest), Numbers("high", s => s.High));
        var scaled = graph.Binary(node.Name + "_scaled", new Mul(), graph.Binary(node.Name + "_shifted", new Sub(), clipped, lowest), Numbers("inverse", s => s.Inverse));
        var rounded = graph.Unary(node.Name + "_rounded", new Floor(), graph.Binary(node.Name + "_half_up", new Add(), scaled, half));
        return graph.Binary(node.Name, new Add(), graph.Binary(node.Name + "_sized", new Mul(), rounded, Numbers("size", s => s.Size)), lowest);
    }
}
