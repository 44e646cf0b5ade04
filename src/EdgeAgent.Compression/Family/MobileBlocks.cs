using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using TorchTensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Family;

/// <summary>
/// Replaces full convolutions by depthwise-separable blocks (Howard et al., "MobileNets", 2017) of the same interface: a depthwise
/// convolution with the same window, and a 1x1 convolution to the same channels, each with its batch-norm. Groups of channels,
/// slicing and everything behind them see an ordinary graph. Between the two there is no activation: Chollet ("Xception", 2017)
/// found it better so, and the block then begins as an approximation of the convolution.
/// </summary>
/// <remarks>
/// The block starts from the convolution it replaces. For each input channel c the filters W[:, c] are a matrix of outputs x taps;
/// the best product of one column and one row, by its singular value decomposition, are the pointwise weights of c and its
/// depthwise filter. Rows count as their batch-norm scales them. Then the moments of all activations are matched to the
/// teacher's: the depthwise norms take mean and variance of the filtered activations of the teacher as shift and scale, and all
/// running statistics are measured anew in the new model, so that every norm gives out what it gave in the teacher.
/// </remarks>
public static class MobileBlocks
{
    /// <summary>Below it, on either side, the depthwise part costs what the full convolution does.</summary>
    private const int FewestChannels = 8;

    private const int Iterations = 100;

    /// <param name="graph">With a batch-norm behind each convolution.</param>
    /// <param name="batches">Input tensors of a few hundred images in all; gone through twice.</param>
    /// <returns>Null where there is nothing to replace.</returns>
    public static GraphSpec? Apply(GraphSpec graph, Func<IEnumerable<TorchTensor>> batches)
    {
        var replaced = Replaceable(graph).ToDictionary(n => n.Output);
        if (replaced.Count == 0)
            return null;
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var filtered = replaced.Values.ToDictionary(n => n.Output, n => Factored(n, graph, constants));
        var moments = BatchNormInsertion.Measure(
            graph with { Nodes = [.. graph.Nodes.SelectMany(n => filtered.TryGetValue(n.Output, out var depthwise) ? (Node[])[depthwise, n] : [n])], Constants = constants },
            filtered.Values.Select(n => n.Output).ToHashSet(), batches());

        var nodes = new List<Node>();
        foreach (var node in graph.Nodes)
            if (!replaced.ContainsKey(node.Output))
                nodes.Add(node);
            else
                nodes.AddRange([filtered[node.Output], Norm(filtered[node.Output], moments[filtered[node.Output].Output], constants), Pointwise(node)]);
        var read = nodes.SelectMany(n => n.Inputs).ToHashSet();
        var mobile = (graph with { Nodes = nodes, Constants = constants.Where(c => read.Contains(c.Key)).ToDictionary() }).Verify();
        return WithStatistics(mobile, batches());
    }

    /// <summary>Full convolutions of at least three taps and enough channels, but for those that see the image: these have few inputs, and the most to lose.</summary>
    private static IEnumerable<Node> Replaceable(GraphSpec graph)
    {
        var image = graph.Inputs.Select(i => i.Name).ToHashSet();
        foreach (var node in graph.Nodes)
        {
            if (node.Op is not (Conv or Gemm or MatMul) && node.Inputs.Any(image.Contains))
                image.UnionWith(node.Outputs);
            if (node.Op is Conv { Groups: 1 } conv && !image.Contains(node.Inputs[0]) && graph.Constants.TryGetValue(node.Inputs[1], out var weight)
                && conv.Window.Kernel.Aggregate(1, (a, k) => a * k) >= 3 && weight.Shape[0] >= FewestChannels && weight.Shape[1] >= FewestChannels)
                yield return node;
        }
    }

    /// <summary>Adds the weights of both parts to the constants.</summary>
    /// <returns>The depthwise convolution.</returns>
    private static Node Factored(Node node, GraphSpec graph, Dictionary<string, Tensor> constants)
    {
        var (conv, weight) = ((Conv)node.Op, graph.Constants[node.Inputs[1]]);
        var (outputs, inputs) = (weight.Shape[0], weight.Shape[1]);
        var (depthwise, pointwise) = Factors(weight, RowScales(node, graph));
        constants[FilterName(node)] = Tensor.Of(depthwise, [inputs, 1, .. weight.Shape[2..]]);
        constants[PointwiseName(node)] = Tensor.Of(pointwise, [outputs, inputs, .. Ones(conv)]);
        return new Node($"{node.Name}__depthwise", conv with { Groups = inputs }, [node.Inputs[0], FilterName(node)], [$"{node.Output}__filtered"]);
    }

    private static Node Norm(Node depthwise, (float[] Mean, float[] Variance) moments, Dictionary<string, Tensor> constants)
    {
        string Constant(string role, Func<int, float> value)
        {
            var name = $"{depthwise.Output}__{role}";
            constants[name] = Tensor.Of([.. Enumerable.Range(0, moments.Mean.Length).Select(value)], moments.Mean.Length);
            return name;
        }
        return new Node($"{depthwise.Name}_norm", new BatchNormalization(BatchNormInsertion.Epsilon),
        [
            depthwise.Output, Constant("scale", c => MathF.Sqrt(moments.Variance[c] + BatchNormInsertion.Epsilon)), Constant("shift", c => moments.Mean[c]),
            Constant("mean", c => moments.Mean[c]), Constant("variance", c => moments.Variance[c]),
        ], [$"{depthwise.Output}_normed"]);
    }

    /// <summary>Under the convolution's own name, so that layers are found again.</summary>
    private static Node Pointwise(Node node)
    {
        int[] ones = Ones((Conv)node.Op);
        return node with
        {
            Op = new Conv(new Window(ones, ones, new int[2 * ones.Length], ones), 1),
            Inputs = [$"{node.Output}__filtered_normed", PointwiseName(node), .. node.Inputs.Skip(2)],
        };
    }

    private static string FilterName(Node node) => $"{node.Output}__depthwise";

    private static string PointwiseName(Node node) => $"{node.Output}__pointwise";

    private static int[] Ones(Conv conv) => [.. conv.Window.Kernel.Select(_ => 1)];

    /// <summary>What the batch-norm behind a convolution multiplies each output channel by; ones without.</summary>
    private static double[] RowScales(Node node, GraphSpec graph)
    {
        var norm = graph.Nodes.FirstOrDefault(n => n.Op is BatchNormalization && n.Inputs[0] == node.Output);
        if (norm is null)
            return [.. Enumerable.Repeat(1.0, graph.Constants[node.Inputs[1]].Shape[0])];
        var (scale, variance) = (graph.Constants[norm.Inputs[1]].Floats, graph.Constants[norm.Inputs[4]].Floats);
        return [.. scale.Select((s, c) => s / Math.Sqrt(variance[c] + ((BatchNormalization)norm.Op).Epsilon))];
    }

    /// <summary>
    /// For each input channel the filter v, of norm 1, and the output weights u for which sum_o s_o^2 |W[o] - u_o v|^2 is least: v is
    /// the first eigenvector of sum_o s_o^2 W[o]' W[o], by power iteration, and u = W v.
    /// </summary>
    /// <param name="weight">[O, I, taps...].</param>
    /// <returns>[I, taps] and [O, I].</returns>
    public static (float[] Depthwise, float[] Pointwise) Factors(Tensor weight, double[] rowScales)
    {
        var (outputs, inputs) = (weight.Shape[0], weight.Shape[1]);
        var taps = weight.Count / (outputs * inputs);
        var (depthwise, pointwise) = (new float[inputs * taps], new float[outputs * inputs]);
        var (gram, v, next) = (new double[taps * taps], new double[taps], new double[taps]);
        for (var c = 0; c < inputs; c++)
        {
            Array.Clear(gram);
            for (var o = 0; o < outputs; o++)
            {
                var filter = weight.Floats.AsSpan((o * inputs + c) * taps, taps);
                var square = rowScales[o] * rowScales[o];
                for (var i = 0; i < taps; i++)
                    for (var j = 0; j < taps; j++)
                        gram[i * taps + j] += square * filter[i] * filter[j];
            }
            FirstEigenvector(gram, v, next);
            for (var i = 0; i < taps; i++)
                depthwise[c * taps + i] = (float)v[i];
            for (var o = 0; o < outputs; o++)
            {
                var sum = 0.0;
                for (var i = 0; i < taps; i++)
                    sum += v[i] * weight.Floats[(o * inputs + c) * taps + i];
                pointwise[o * inputs + c] = (float)sum;
            }
        }
        return (depthwise, pointwise);
    }

    /// <summary>Of norm 1 and with a sum that is not negative: the sign is free, and a mean is the filter to start from.</summary>
    private static void FirstEigenvector(double[] matrix, double[] v, double[] next)
    {
        var size = v.Length;
        // The column of the largest diagonal is never orthogonal to it unless the matrix is zero; then any filter will do.
        var start = Enumerable.Range(0, size).MaxBy(i => matrix[i * size + i]);
        for (var i = 0; i < size; i++)
            v[i] = matrix[start * size + start] > 0 ? matrix[i * size + start] : 1;
        Normalize(v);
        for (var iteration = 0; iteration < Iterations && matrix[start * size + start] > 0; iteration++)
        {
            for (var i = 0; i < size; i++)
            {
                next[i] = 0;
                for (var j = 0; j < size; j++)
                    next[i] += matrix[i * size + j] * v[j];
            }
            Normalize(next);
            next.CopyTo(v, 0);
        }
        if (v.Sum() < 0)
            for (var i = 0; i < size; i++)
                v[i] = -v[i];
    }

    private static void Normalize(double[] v)
    {
        var norm = Math.Sqrt(v.Sum(x => x * x));
        for (var i = 0; i < v.Length; i++)
            v[i] /= norm;
    }

    private static GraphSpec WithStatistics(GraphSpec graph, IEnumerable<TorchTensor> batches)
    {
        using var parameters = new FrozenParameters(graph, bfloat16: false);
        BatchNormStatistics.Measure(new TorchGraph(graph, bfloat16: false), parameters.Lookup, batches);
        var statistics = graph.Nodes.Where(n => n.Op is BatchNormalization).SelectMany(n => n.Inputs.Skip(3)).ToHashSet();
        return (graph with { Constants = graph.Constants.ToDictionary(c => c.Key, c => statistics.Contains(c.Key) ? parameters.Lookup(c.Key).ToIr() : c.Value) }).Verify();
    }
}
