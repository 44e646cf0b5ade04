using System.Diagnostics;
using System.Security.Cryptography;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;
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

    /// <param name="simulationTime">The simulation is exact and slow; it stops after this time, but not before 256 images.</param>
    public static WrittenStudent Write(FinishedStudent student, ActivationFormat format, BatchSource validation, string path, int threads, TimeSpan simulationTime, CancellationToken cancellation)
    {
        var qdq = QdqRewrite.Apply(student.Graph, student.Quantization with { Format = format });
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
        var (agreement, compared, goldenInputs, goldenOutputs) = Compare(read, classes, validation, threads, simulationTime, cancellation);
        return new WrittenStudent(student, format, qdq, path, File.ReadAllBytes(path), plan, planFault, classes, Accuracy.Of(classes, validation.Labels), agreement, compared, goldenInputs, goldenOutputs);
    }

    private static (double Agreement, int Compared, float[] GoldenInputs, float[] GoldenOutputs) Compare(
        GraphSpec qdq, int[] classes, BatchSource validation, int threads, TimeSpan limit, CancellationToken cancellation)
    {
        var simulation = new Int8Simulation(qdq, threads);
        var start = Stopwatch.GetTimestamp();
        int compared = 0, same = 0;
        float[] goldenInputs = [], goldenOutputs = [];
        foreach (var batch in validation.Sequential(SimulationBatch, cancellation: cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            var count = batch.Labels.Length;
            int[] shape = [count, .. validation.SampleShape.Select(d => (int)d)];
            var logits = simulation.Run(new Dictionary<string, Tensor> { [qdq.Inputs[0].Name] = Tensor.Of(batch.Input, shape) })[qdq.Outputs[0].Name].Floats;
            if (compared == 0)
            {
                var golden = Math.Min(GoldenSamples, count);
                goldenInputs = batch.Input[..(batch.Input.Length / count * golden)];
                goldenOutputs = logits[..(logits.Length / count * golden)];
            }
            foreach (var simulated in Argmax.Rows(logits, count))
                same += simulated == classes[compared++] ? 1 : 0;
            if (compared >= FewestCompared && Stopwatch.GetElapsedTime(start) > limit)
                break;
        }
        return ((double)same / compared, compared, goldenInputs, goldenOutputs);
    }
}
