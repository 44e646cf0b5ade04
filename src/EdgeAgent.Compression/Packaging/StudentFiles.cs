using System.Diagnostics;
using System.Security.Cryptography;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Compression.Packaging;

/// <summary>A quantized student in one activation format, as files' bytes, and how far ONNX Runtime agrees with the simulation.</summary>
/// <param name="Plan">Empty where the engine of the int8 plan has no such operator; <paramref name="PlanFault"/> says which.</param>
/// <param name="ValidationClasses">Class of every held-out image by ONNX Runtime on the written file.</param>
/// <param name="Agreement">Share of the compared images with the class of the int8 simulation.</param>
public sealed record WrittenStudent(
    FinishedStudent Student, ActivationFormat Format, GraphSpec Qdq, string OnnxPath, byte[] Onnx, byte[] Plan, string? PlanFault,
    int[] ValidationClasses, Accuracy Validation, double Agreement, int AgreementSamples, float[] GoldenInputs, float[] GoldenOutputs);

/// <summary>Writes a student and proves that what was written computes what was trained.</summary>
public static class StudentFiles
{
    /// <summary>Smallest share of images on which file and simulation must agree.</summary>
    public const double RequiredAgreement = 0.999;

    private const int GoldenSamples = 16, SimulationBatch = 32, FewestCompared = 256;

    /// <param name="simulationTime">Where no plan can stand in for it, the simulation stops after this time, but not before 256 images.</param>
    public static WrittenStudent Write(FinishedStudent student, ActivationFormat format, BatchSource validation, string path, int threads, TimeSpan simulationTime, CancellationToken cancellation)
    {
        var qdq = QdqRewrite.Apply(student.Graph, TieAvoidance.Apply(student.Graph, student.Quantization with { Format = format }));
        // OnnxExporter reads back what it wrote and compares; the simulation below runs what was read.
        OnnxExporter.Write(qdq, path);
        var read = ModelImporter.Load(path);

        byte[] plan = [];
        string? planFault = null;
        try
        {
            plan = PlanLowering.Lower(qdq);
        }
        catch (InvalidGraphException fault)
        {
            planFault = fault.Message;
        }
        int[] classes;
        using (var model = new OnnxModel(path, threads))
            classes = model.Classes(validation, cancellation);
        var golden = Compare(read, plan, classes, validation, threads, simulationTime, cancellation);
        return new WrittenStudent(student, format, qdq, path, File.ReadAllBytes(path), plan, planFault ?? golden.PlanFault, classes, Accuracy.Of(classes, validation.Labels), golden.Agreement, golden.Compared, golden.Inputs, golden.Outputs);
    }

    /// <summary>Whether so many of the compared images may differ: a thousandth, and one in any case, for a tie is decided by the last bit.</summary>
    public static bool Agrees(double agreement, int compared) =>
        Math.Round((1 - agreement) * compared) <= Math.Max(1, Math.Floor((1 - RequiredAgreement) * compared));

    private sealed record Comparison(double Agreement, int Compared, string? PlanFault, float[] Inputs, float[] Outputs);

    /// <summary>
    /// The simulation is exact and slow, the plan computes the same bytes and is fast: the first images prove that they are
    /// the same, the others need the plan alone. A student that no plan can hold is compared with the simulation as far as
    /// the time goes.
    /// </summary>
    private static Comparison Compare(
        GraphSpec qdq, byte[] plan, int[] classes, BatchSource validation, int threads, TimeSpan limit, CancellationToken cancellation)
    {
        var simulation = new Int8Simulation(qdq, threads);
        using var model = plan.Length > 0 ? PlanModel.Load(plan) : null;
        using var executor = model is null ? null : new PlanExecutor(model, threads);
        var start = Stopwatch.GetTimestamp();
        int compared = 0, same = 0;
        float[] goldenInputs = [], goldenOutputs = [];
        foreach (var batch in validation.Sequential(SimulationBatch, cancellation: cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            var count = batch.Labels.Length;
            var proving = compared < FewestCompared;
            if (!proving && executor is null && Stopwatch.GetElapsedTime(start) > limit)
                break;
            var planned = executor is null ? null : Logits(executor, batch.Input, count);
            var logits = planned;
            if (proving || planned is null)
            {
                int[] shape = [count, .. validation.SampleShape.Select(d => (int)d)];
                logits = simulation.Run(new Dictionary<string, Tensor> { [qdq.Inputs[0].Name] = Tensor.Of(batch.Input, shape) })[qdq.Outputs[0].Name].Floats;
                if (planned is not null && !planned.AsSpan().SequenceEqual(logits))
                    return new Comparison(0, compared + count, $"its plan differs from the int8 simulation on images {compared} to {compared + count - 1}", [], []);
            }
            if (compared == 0)
            {
                var golden = Math.Min(GoldenSamples, count);
                goldenInputs = batch.Input[..(batch.Input.Length / count * golden)];
                goldenOutputs = logits![..(logits!.Length / count * golden)];
            }
            foreach (var simulated in Argmax.Rows(logits!, count))
                same += simulated == classes[compared++] ? 1 : 0;
        }
        return new Comparison((double)same / compared, compared, null, goldenInputs, goldenOutputs);
    }

    private static float[] Logits(PlanExecutor executor, float[] input, int count)
    {
        var (length, classes) = (input.Length / count, executor.OutputShape.Count);
        var logits = new float[count * classes];
        for (var i = 0; i < count; i++)
            executor.Run(input.AsSpan(i * length, length), logits.AsSpan(i * classes, classes));
        return logits;
    }
}
