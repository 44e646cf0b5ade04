using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Quantization;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Compression.Passes;

/// <summary>A student after its own finish: quantized numbers, and what they cost in accuracy.</summary>
/// <param name="Graph">Float, batch-norms folded, trained for the quantization.</param>
public sealed record FinishedStudent(StudentShape Shape, bool Symmetric, GraphSpec Graph, QuantizationParameters Quantization, double FloatTop1, double PtqTop1, double QatTop1, TrainingReport Training);

/// <summary>
/// Takes each student out of the shared weights and finishes it alone: batch-norm statistics measured anew, post-training
/// quantization first, then quantization-aware training with the teacher's answers at a low rate.
/// </summary>
public static class FinishPass
{
    private const double PeakRate = 0.02, Decay = 1e-4, Clip = 1;
    private const int CalibrationBatches = 8;

    /// <summary>Where steps are given and not time: joint steps for one of a student's own.</summary>
    private const long FinishShare = 8;

    /// <summary>Images by which the intermediate accuracies are told; what is shipped is measured on all of them.</summary>
    private const int QuickImages = 2000;

    public static FinishedStudent Run(
        StudentWeights weights, int student, bool symmetric, RunInputs inputs, TeacherTargets targets, StoredPlan plan, TimeSpan deadline,
        Func<string, Trainer> trainer, CompressionOptions options, CancellationToken cancellation)
    {
        var shape = weights.Students[student];
        var graph = weights.Extract(student);
        var floatTop1 = TorchAccuracy.Top1(new TorchGraph(weights.Graphs[student], bfloat16: false), weights.Student(student), inputs.Validation, cancellation, QuickImages);

        using var quantized = new QuantizedStudent(graph, symmetric ? ActivationFormat.Int8Symmetric : ActivationFormat.UInt8);
        var size = Math.Min(plan.BatchSize, inputs.PlainTraining.Count);
        var batches = Math.Min(CalibrationBatches, inputs.PlainTraining.Count / size);
        quantized.Calibrate(inputs.PlainTraining.Sample(1, batches * size, size, cancellation).Select(inputs.PlainTraining.Tensor));
        var ptqTop1 = quantized.Top1(inputs.Validation, cancellation, QuickImages);

        var pass = $"finish-{shape.Name}{(symmetric ? "-symmetric" : "")}";
        // float32 with simulated rounding: about three times the work of the same step in bfloat16.
        var guess = 3 * plan.StepSeconds / weights.Students.Count;
        var report = trainer(pass).Run(
            quantized.Trainee(new DistillationLoss(options.Distillation)), inputs.Training, targets,
            new TrainingPlan(pass, plan.BatchSize, new OneCycle(PeakRate, Rise: 0.1), Decay, Clip, deadline, options.Steps is { } steps ? Math.Max(1, steps / FinishShare) : null) { HeldOut = HeldOut(quantized, shape, inputs) }, options.Resume, guess, plan.TeacherSeconds, cancellation);
        var (trained, parameters) = quantized.Export();
        return new FinishedStudent(shape, symmetric, trained, parameters, floatTop1, ptqTop1, quantized.Top1(inputs.Validation, cancellation, QuickImages), report);
    }

    /// <summary>The student as it would be exported now, on the first held-out images.</summary>
    private static HeldOutProbe HeldOut(QuantizedStudent student, StudentShape shape, RunInputs inputs) =>
        new([shape.Name], Math.Min(HeldOutProbe.MostImages, inputs.Validation.Count), cancellation => [student.Top1(inputs.Validation, cancellation, HeldOutProbe.MostImages)]);
}
