using System.Runtime.ExceptionServices;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// What the int8 engine must compute, evaluated independently of it in float64: integers are exact there, and rounding to
/// float32 happens where the formulas in the README of EdgeAgent.Int8 have it. The yardstick for the engine's bytes.
/// </summary>
/// <remarks>Slow against the engine but usable on data sets: samples run in parallel. Thread-safe.</remarks>
public sealed class Int8Simulation
{
    private readonly GraphSpec _graph;
    private readonly IReadOnlyList<QuantizedStep> _steps;
    private readonly ParallelOptions _parallel;

    /// <param name="qdq">A QDQ graph, from QdqRewrite or imported.</param>
    /// <param name="threads">0 takes all processors.</param>
    /// <exception cref="InvalidGraphException">The graph is not quantized throughout; the message names the node.</exception>
    public Int8Simulation(GraphSpec qdq, int threads = 0)
    {
        _graph = qdq.Verify();
        _steps = QuantizedSteps.Of(qdq);
        _parallel = new() { MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount };
    }

    /// <summary>Same inputs and outputs as <see cref="GraphInterpreter.Run"/>: float32 in, dequantized or float32 out.</summary>
    /// <exception cref="InvalidGraphException">An operator has no definition in int8; the message names the node.</exception>
    public IReadOnlyDictionary<string, Tensor> Run(IReadOnlyDictionary<string, Tensor> inputs)
    {
        var batch = inputs[_graph.Inputs[0].Name].Shape[0];
        var shapes = ShapeInference.Infer(_graph, 1);
        var outputs = _graph.Outputs.Select(o => o.Name).Distinct().ToDictionary(o => o, o => new float[batch * shapes[o].Shape.Aggregate(1, (a, d) => a * d)]);
        void Simulate(int sample)
        {
            var values = new Dictionary<string, SimulatedTensor>();
            foreach (var input in _graph.Inputs)
            {
                var tensor = inputs[input.Name];
                var size = tensor.Count / batch;
                values[input.Name] = SimulatedTensor.OfFloats(tensor.Floats.AsSpan(sample * size, size).ToArray(), shapes[input.Name].Shape);
            }
            foreach (var step in _steps)
                values[step.Output] = SimulatedOperators.Run(step, [.. step.Inputs.Select(i => values[i])], shapes[step.Node.Output].Shape);
            foreach (var (name, target) in outputs)
                values[name].Floats.CopyTo(target.AsSpan(sample * values[name].Floats.Length));
        }
        try
        {
            Parallel.For(0, batch, _parallel, Simulate);
        }
        catch (AggregateException faults) when (faults.InnerExceptions[0] is InvalidGraphException)
        {
            // Every sample meets the same.
            ExceptionDispatchInfo.Throw(faults.InnerExceptions[0]);
        }
        return outputs.ToDictionary(o => o.Key, o => Tensor.Of(o.Value, [batch, .. shapes[o.Key].Shape[1..]]));
    }

    /// <summary>What every operator makes of one sample, as real numbers, by the name of its node: for comparison with the float graph.</summary>
    public IEnumerable<(string Node, float[] Values)> Results(float[] sample)
    {
        foreach (var (step, value) in Trace(sample))
            yield return (step.Node.Name, value.Integers.Length == 0 ? value.Floats : Array.ConvertAll(value.Integers, q => value.Quantization.Scale * (q - value.Quantization.ZeroPoint)));
    }

    /// <summary>The quantized value <paramref name="name"/> (stated for u8) of the graph's one-sample input; for tests that look inside.</summary>
    internal IEnumerable<(QuantizedStep Step, SimulatedTensor Value)> Trace(float[] sample)
    {
        var shapes = ShapeInference.Infer(_graph, 1);
        var values = new Dictionary<string, SimulatedTensor> { [_graph.Inputs[0].Name] = SimulatedTensor.OfFloats(sample, shapes[_graph.Inputs[0].Name].Shape) };
        foreach (var step in _steps)
        {
            values[step.Output] = SimulatedOperators.Run(step, [.. step.Inputs.Select(i => values[i])], shapes[step.Node.Output].Shape);
            yield return (step, values[step.Output]);
        }
    }
}

/// <summary>One sample of a value: u8 integers with a quantization, or floats.</summary>
/// <param name="Shape">[1, C, ...]</param>
/// <param name="Integers">q in [0, 255]; empty for a float value.</param>
/// <param name="Floats">Empty for a quantized value.</param>
internal sealed record SimulatedTensor(int[] Shape, int[] Integers, ActivationQuantization Quantization, float[] Floats)
{
    public static SimulatedTensor OfFloats(float[] floats, int[] shape) => new(shape, [], default, floats);

    public static SimulatedTensor OfIntegers(int[] integers, int[] shape, ActivationQuantization quantization) => new(shape, integers, quantization, []);

    /// <summary>q - zero point of every element: what formulas multiply.</summary>
    public double[] Centred() => Array.ConvertAll(Integers, q => (double)(q - Quantization.ZeroPoint));
}
