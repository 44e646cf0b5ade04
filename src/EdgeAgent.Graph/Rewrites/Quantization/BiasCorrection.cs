using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// Takes the mean error that rounding the weights causes out of each channel, through its bias: b' = b - E[(W_q - W) x], the
/// mean over samples and positions (Nagel et al., 2019). Depthwise layers, whose channels sum over few weights, need it most.
/// </summary>
public static class BiasCorrection
{
    /// <param name="graph">From <see cref="Simplification.ForQuantization"/>.</param>
    /// <param name="batches">Inputs as <see cref="GraphInterpreter.Run"/> takes them; at least one batch.</param>
    public static GraphSpec Apply(GraphSpec graph, IEnumerable<IReadOnlyDictionary<string, Tensor>> batches, int threads = 0)
    {
        var layers = graph.Nodes.Where(n => n.Op is Conv or Gemm { TransposeB: true } && graph.Constants.ContainsKey(n.Inputs[1])).ToArray();
        var errors = Errors(graph, layers, batches, threads);
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var corrected = new Dictionary<string, Node>();
        foreach (var layer in layers)
        {
            var error = errors[layer.Output];
            var bias = layer.Inputs.Count > 2 && layer.Inputs[2].Length > 0 ? graph.Constants[layer.Inputs[2]].Floats : new float[error.Length];
            // Layers may share a bias; each gets its own.
            var name = graph.FreshName(layer.Output + "_bias");
            while (!constants.TryAdd(name, Tensor.Of([.. bias.Select((b, c) => (float)(b - error[c]))], error.Length)))
                name += "_";
            corrected[layer.Output] = layer with { Inputs = [layer.Inputs[0], layer.Inputs[1], name] };
        }
        return (graph with { Nodes = [.. graph.Nodes.Select(n => corrected.GetValueOrDefault(n.Output, n))], Constants = constants }).RemoveUnused().Verify();
    }

    /// <summary>For each layer the mean of (W_q - W) x per output channel, by a copy of the layer that has only the error as weights.</summary>
    private static Dictionary<string, double[]> Errors(GraphSpec graph, Node[] layers, IEnumerable<IReadOnlyDictionary<string, Tensor>> batches, int threads)
    {
        const string suffix = "__weight_error";
        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var copies = new List<Node>();
        foreach (var layer in layers)
        {
            var weights = graph.Constants[layer.Inputs[1]];
            var scales = WeightQuantization.Scales(weights);
            var quantized = (sbyte[])WeightQuantization.Quantize(weights, scales).Data;
            var size = weights.Count / weights.Shape[0];
            constants[layer.Output + suffix + "_w"] = Tensor.Of([.. weights.Floats.Select((w, i) => quantized[i] * scales[i / size] - w)], weights.Shape);
            copies.Add(new Node(layer.Output + suffix, layer.Op, [layer.Inputs[0], layer.Output + suffix + "_w"], [layer.Output + suffix]));
        }
        var observed = graph with
        {
            Nodes = [.. graph.Nodes, .. copies],
            Constants = constants,
            Outputs = [.. copies.Select(c => new ValueSpec(c.Output, ElementType.Float32, []))],
        };
        var interpreter = new GraphInterpreter(observed, threads);
        var sums = layers.ToDictionary(l => l.Output, l => new double[graph.Constants[l.Inputs[1]].Shape[0]]);
        var counts = layers.ToDictionary(l => l.Output, _ => 0L);
        foreach (var batch in batches)
            foreach (var (name, value) in interpreter.Run(batch))
            {
                var layer = name[..^suffix.Length];
                var sum = sums[layer];
                // [N, C, ...] of a convolution, [N, C] of a dense layer.
                var size = value.Count / (value.Shape[0] * sum.Length);
                for (var i = 0; i < value.Floats.Length; i++)
                    sum[i / size % sum.Length] += value.Floats[i];
                counts[layer] += value.Count / sum.Length;
            }
        return sums.ToDictionary(s => s.Key, s => Array.ConvertAll(s.Value, v => counts[s.Key] > 0 ? v / counts[s.Key] : throw new ArgumentException("there is no sample to correct with", nameof(batches))));
    }
}
