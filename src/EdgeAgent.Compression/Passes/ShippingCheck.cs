using EdgeAgent.Compression.Family;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Inputs;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Compression.Passes;

/// <summary>
/// Whether students of a teacher could be shipped, before any is trained: a narrow slice of it is quantized, written, simulated and run as
/// a plan. Which operators a student has does not depend on its width or its weights, so what is refused here would be refused
/// after all training.
/// </summary>
internal static class ShippingCheck
{
    /// <summary>Any range will do: what is found out is whether there is arithmetic for every operator.</summary>
    private const double Range = 1;

    /// <returns>How many operators a student has once it is ready for int8.</returns>
    /// <exception cref="InputException">A node has no arithmetic in int8, or the engine of a profile lacks it; one line that names both.</exception>
    public static int Run(CompressionOptions options, RunInputs inputs, CancellationToken cancellation) =>
        Run(options.ModelPath, inputs.Teacher, options.Profiles, inputs.PlainTraining.Sample(0, 1, 1, cancellation).First().Input);

    /// <param name="model">By which the user knows the teacher.</param>
    /// <param name="image">One, as the teacher takes it.</param>
    internal static int Run(string model, GraphSpec teacher, IReadOnlyList<DeviceProfile> devices, float[] image)
    {
        var graph = Simplification.ForQuantization(Narrow(teacher, devices.Max(p => p.Int8.ChannelMultiple)));
        var points = QuantizationPoints.Of(graph).Values;
        foreach (var profiles in devices.GroupBy(p => PackagingPass.Quantized(p).Format))
        {
            var activations = points.ToDictionary(p => p, _ => ActivationQuantization.Covering(-Range, Range, profiles.Key));
            var (qdq, logits) = Simulated(model, graph, new QuantizationParameters(profiles.Key, activations, new Dictionary<string, float[]>()), image);
            string[] planned = [.. profiles.Where(p => p.Int8.Engine == EngineKind.Int8).Select(p => p.Id)];
            if (planned.Length > 0 && PlanFault(qdq, image, logits) is { } fault)
                throw new InputException($"{model}: the int8 engine of {string.Join(", ", planned)} could not run its students: {fault}; take that out of the model, or leave these profiles out");
        }
        return graph.Nodes.Count;
    }

    private static GraphSpec Narrow(GraphSpec teacher, int channels)
    {
        var groups = ChannelDependencies.Find(teacher);
        return new Slice(groups, [.. groups.Select(g => Math.Min(g.Size, channels))]).Apply(teacher);
    }

    private static (GraphSpec Qdq, float[] Logits) Simulated(string model, GraphSpec graph, QuantizationParameters parameters, float[] image)
    {
        try
        {
            var qdq = QdqRewrite.Apply(graph, parameters);
            _ = OnnxExporter.ToBytes(qdq);
            var input = qdq.Inputs[0];
            return (qdq, new Int8Simulation(qdq).Run(new Dictionary<string, Tensor> { [input.Name] = Tensor.Of(image, [1, .. input.Shape[1..]]) })[qdq.Outputs[0].Name].Floats);
        }
        catch (InvalidGraphException fault)
        {
            throw new InputException($"{model}: its students could not be computed in int8: {fault.Message}; take that out of the model, or make it smaller in float32 with `edgectl prune`", fault);
        }
    }

    private static string? PlanFault(GraphSpec qdq, float[] image, float[] expected)
    {
        try
        {
            using var plan = PlanModel.Load(PlanLowering.Lower(qdq));
            using var executor = new PlanExecutor(plan);
            var logits = new float[executor.OutputShape.Count];
            executor.Run(image, logits);
            return logits.AsSpan().SequenceEqual(expected) ? null : "its plan differs from the int8 simulation";
        }
        catch (InvalidGraphException fault)
        {
            return fault.Message;
        }
    }
}
