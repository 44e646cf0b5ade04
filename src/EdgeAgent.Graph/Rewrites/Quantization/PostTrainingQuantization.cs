using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>A float graph and how to quantize it, and how far its quantized outputs are from the float ones.</summary>
/// <param name="Graph">Possibly with channels equalized and biases corrected; computes nearly what the given one does.</param>
/// <param name="SignalToNoise">Of the outputs over the samples, in dB: 10 log10(sum y^2 / sum (y_q - y)^2).</param>
public sealed record PostTrainingResult(string Method, GraphSpec Graph, QuantizationParameters Parameters, double SignalToNoise)
{
    public GraphSpec Qdq => QdqRewrite.Apply(Graph, Parameters);
}

/// <summary>
/// Quantizes a graph by samples alone, without training. Equalization and bias correction help some networks and hurt others;
/// so all four ways are tried, and what the samples' outputs say decides.
/// </summary>
public static class PostTrainingQuantization
{
    /// <param name="graph">From <see cref="Simplification.ForQuantization"/>.</param>
    /// <param name="batches">Inputs as <see cref="GraphInterpreter.Run"/> takes them; at least one batch. Gone through several times.</param>
    /// <param name="done">Called after each of the four ways.</param>
    /// <returns>All ways, best first.</returns>
    public static IReadOnlyList<PostTrainingResult> Run(
        GraphSpec graph, IReadOnlyList<IReadOnlyDictionary<string, Tensor>> batches, ActivationFormat format, int threads = 0, Action<PostTrainingResult>? done = null)
    {
        var measured = Measured(graph);
        var interpreter = new GraphInterpreter(graph with { Outputs = [measured] }, threads);
        var expected = batches.Select(b => interpreter.Run(b)[measured.Name].Floats).ToArray();
        var results = new List<PostTrainingResult>();
        Try("plain", graph);
        Try("bias correction", BiasCorrection.Apply(graph, batches, threads));
        var equalized = ChannelEqualization.Apply(graph, batches, threads);
        if (!ReferenceEquals(equalized, graph))
        {
            Try("equalization", equalized);
            Try("equalization and bias correction", BiasCorrection.Apply(equalized, batches, threads));
        }
        return [.. results.OrderByDescending(r => r.SignalToNoise)];

        void Try(string method, GraphSpec candidate)
        {
            var parameters = TieAvoidance.Apply(candidate, new(format, MinMaxCalibration.Run(candidate, batches, format, threads), new Dictionary<string, float[]>()));
            var quantized = new GraphInterpreter(QdqRewrite.Apply(candidate, parameters) with { Outputs = [measured] }, threads);
            double signal = 0, noise = 0;
            foreach (var (batch, exact) in batches.Zip(expected))
            {
                var outputs = quantized.Run(batch)[measured.Name].Floats;
                for (var i = 0; i < exact.Length; i++)
                    (signal, noise) = (signal + (double)exact[i] * exact[i], noise + Math.Pow(outputs[i] - exact[i], 2));
            }
            results.Add(new(method, candidate, parameters, 10 * Math.Log10(signal / Math.Max(noise, double.Epsilon))));
            done?.Invoke(results[^1]);
        }
    }

    /// <summary>The output, or what an ArgMax in front of it picks from: how far one index is from another says nothing.</summary>
    private static ValueSpec Measured(GraphSpec graph)
    {
        var (producers, values) = (graph.Producers(), ShapeInference.Infer(graph, -1));
        var value = graph.Outputs[0].Name;
        while (producers.TryGetValue(value, out var node) && node.Op is ArgMax or Cast or Reshape or Flatten or Transpose or Identity)
        {
            value = node.Inputs[0];
            if (node.Op is ArgMax && values[value].Type == ElementType.Float32)
                return values[value];
        }
        return values[graph.Outputs[0].Name];
    }
}
