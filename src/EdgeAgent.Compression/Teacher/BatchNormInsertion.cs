using EdgeAgent.Graph.Ir;
using TorchSharp;
using IrTensor = EdgeAgent.Graph.Ir.Tensor;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Teacher;

/// <summary>
/// Puts a batch-norm behind every convolution that lacks one. Exporters fold them away, but narrow students do not train
/// without. Each starts from the mean and variance of its convolution's output, measured on sample images, with scale and
/// bias that undo the normalisation: the model computes the same as before. The convolution's bias moves into the norm.
/// </summary>
public static class BatchNormInsertion
{
    public const float Epsilon = 1e-5f;

    /// <param name="batches">Input tensors of a few hundred images in all.</param>
    public static GraphSpec Apply(GraphSpec graph, IEnumerable<Tensor> batches)
    {
        var readers = graph.Nodes.SelectMany(n => n.Inputs.Select(i => (Input: i, Node: n))).ToLookup(r => r.Input, r => r.Node);
        var lacking = graph.Nodes.Where(n => n.Op is Conv && !(readers[n.Output].Count() == 1 && readers[n.Output].Single().Op is BatchNormalization)).ToArray();
        if (lacking.Length == 0)
            return graph;
        var moments = Measure(graph, lacking.Select(n => n.Output).ToHashSet(), batches);

        var constants = new Dictionary<string, IrTensor>(graph.Constants);
        var nodes = new List<Node>();
        foreach (var node in graph.Nodes)
        {
            if (!lacking.Contains(node))
            {
                nodes.Add(node);
                continue;
            }
            // The norm takes over the output's name, so that readers and graph outputs stay as they are.
            var bare = $"{node.Output}__conv";
            nodes.Add(node with { Inputs = [node.Inputs[0], node.Inputs[1]], Outputs = [bare] });
            var (mean, variance) = moments[node.Output];
            var bias = node.Inputs.Count > 2 && node.Inputs[2].Length > 0 ? graph.Constants[node.Inputs[2]].Floats : new float[mean.Length];
            string Constant(string role, Func<int, float> value)
            {
                var name = $"{node.Output}__{role}";
                constants[name] = IrTensor.Of(Enumerable.Range(0, mean.Length).Select(value).ToArray(), mean.Length);
                return name;
            }
            nodes.Add(new Node($"{node.Name}__norm", new BatchNormalization(Epsilon),
                [bare, Constant("scale", c => MathF.Sqrt(variance[c] + Epsilon)), Constant("shift", c => mean[c]), Constant("mean", c => mean[c] - bias[c]), Constant("variance", c => variance[c])],
                [node.Output]));
        }
        var read = nodes.SelectMany(n => n.Inputs).ToHashSet();
        return (graph with { Nodes = nodes, Constants = constants.Where(c => read.Contains(c.Key)).ToDictionary() }).Verify();
    }

    /// <summary>Mean and variance per channel (axis 1) of the named values over all batches, accumulated in float64.</summary>
    public static Dictionary<string, (float[] Mean, float[] Variance)> Measure(GraphSpec graph, IReadOnlySet<string> values, IEnumerable<Tensor> batches)
    {
        using var _ = torch.no_grad();
        using var parameters = new FrozenParameters(graph, bfloat16: false);
        var executor = new TorchGraph(graph, bfloat16: false);
        var sums = new Dictionary<string, (double[] Sum, double[] Squares, long Count)>();
        foreach (var batch in batches)
        {
            using var scope = torch.NewDisposeScope();
            executor.Run(batch, parameters.Lookup, training: false, (name, value) =>
            {
                if (values.Contains(name))
                    Add(name, value);
                return value;
            });
        }
        return sums.ToDictionary(s => s.Key, s => (
            s.Value.Sum.Select(x => (float)(x / s.Value.Count)).ToArray(),
            s.Value.Squares.Select((q, c) => (float)Math.Max(0, q / s.Value.Count - Math.Pow(s.Value.Sum[c] / s.Value.Count, 2))).ToArray()));

        void Add(string name, Tensor value)
        {
            var axes = Enumerable.Range(0, (int)value.dim()).Where(a => a != 1).Select(a => (long)a).ToArray();
            using var scope = torch.NewDisposeScope();
            var wide = value.to(torch.float64);
            var (sum, squares) = (wide.sum(axes).data<double>().ToArray(), wide.square().sum(axes).data<double>().ToArray());
            if (!sums.TryGetValue(name, out var entry))
                entry = (new double[sum.Length], new double[sum.Length], 0);
            for (var c = 0; c < sum.Length; c++)
                (entry.Sum[c], entry.Squares[c]) = (entry.Sum[c] + sum[c], entry.Squares[c] + squares[c]);
            sums[name] = entry with { Count = entry.Count + value.numel() / sum.Length };
        }
    }
}
