using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Graph.Export;

/// <summary>Model out: a QDQ graph as the plan that the int8 engine executes.</summary>
public static class PlanExporter
{
    /// <summary>Probabilities may differ in the last bits, in which one exponential differs from another.</summary>
    private const float SoftmaxTolerance = 1e-6f;

    /// <summary>Writes the plan to <paramref name="path"/> once it has computed what the simulation says.</summary>
    /// <exception cref="InvalidGraphException">The graph cannot be lowered, see <see cref="PlanLowering.Lower"/>, or the plan computes something else.</exception>
    /// <exception cref="IOException">The file cannot be written; nothing is left behind.</exception>
    public static void Write(GraphSpec qdq, string path)
    {
        var plan = PlanLowering.Lower(qdq);
        var partial = path + ".partial";
        try
        {
            File.WriteAllBytes(partial, plan);
            using (var model = PlanModel.Load(partial))
                Check(FloatInterface.Apply(qdq), model);
            File.Move(partial, path, overwrite: true);
        }
        finally
        {
            File.Delete(partial);
        }
    }

    /// <summary>One sample all over the input's quantized range, in the engine and in the simulation.</summary>
    private static void Check(GraphSpec graph, PlanModel model)
    {
        var input = graph.Inputs[0].Name;
        var quantization = QuantizedSteps.Of(graph).First(s => s.Inputs.Contains(input)).Quantization!.Value;
        var random = new Random(20261124);
        var sample = new float[model.InputShape.Count];
        for (var i = 0; i < sample.Length; i++)
            sample[i] = (float)(quantization.Low + random.NextDouble() * (quantization.High - quantization.Low));
        int[] shape = [1, .. graph.Inputs[0].Shape[1..]];
        var expected = new Int8Simulation(graph).Run(new Dictionary<string, Tensor> { [input] = Tensor.Of(sample, shape) })[graph.Outputs[0].Name].Floats;
        var actual = new float[model.OutputShape.Count];
        using (var executor = new PlanExecutor(model))
            executor.Run(sample, actual);
        var tolerance = graph.Nodes.Any(n => n.Op is Softmax) ? SoftmaxTolerance : 0;
        if (expected.Length != actual.Length || expected.Zip(actual).Any(p => !p.First.Equals(p.Second) && !(MathF.Abs(p.First - p.Second) <= tolerance)))
            throw new InvalidGraphException($"graph {graph.Name}: output '{graph.Outputs[0].Name}' of the plan differs from the int8 simulation");
    }
}
