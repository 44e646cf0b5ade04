using EdgeAgent.Compression.Data;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Teacher;

/// <summary>Puts a new, untrained last layer on a classifier, for other classes than it was trained for.</summary>
public static class NewHead
{
    private const ulong Stream = 0x4EAD;

    /// <param name="graph">Ends at its logits, see <see cref="ClassifierHead"/>.</param>
    /// <returns>The graph, and the constants of the new layer.</returns>
    /// <exception cref="InputException">The last layer is neither dense nor a convolution.</exception>
    public static (GraphSpec Graph, IReadOnlySet<string> Constants) Apply(GraphSpec graph, int classes, ulong seed) => LastLayer.Replace(
        graph,
        classes,
        (old, axis) => Random([.. old.Shape.Select((size, a) => a == axis ? classes : size)], classes, seed),
        _ => Tensor.Of(new float[classes], classes),
        op => op is Relu or GlobalAveragePool,
        "--transfer replaces a last layer that is dense or a convolution");

    /// <summary>Uniform in +-1/sqrt(inputs): small logits at first, so that the trunk is not shaken.</summary>
    private static Tensor Random(int[] shape, int classes, ulong seed)
    {
        var random = CounterRandom.Of(seed, Stream);
        var values = new float[shape.Aggregate(1, (a, b) => a * b)];
        var bound = 1 / Math.Sqrt((double)values.Length / classes);
        for (var i = 0; i < values.Length; i++)
            values[i] = (float)((2 * random.Unit(i) - 1) * bound);
        return Tensor.Of(values, shape);
    }
}
