using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Teacher;

/// <summary>
/// Trains a small classifier from labelled images alone, for who has data but no model yet. The model is an ordinary
/// ONNX file afterwards, with nothing that a user's own would not have.
/// </summary>
public static class TeacherTrainer
{
    private const int BatchSize = 64, Width = 32;
    private const long ImageMemoryBytes = 1L << 30;

    // One cycle to this peak suits batch-normalised networks of this size and batch.
    private const double PeakRate = 0.08, Decay = 5e-4, Clip = 5, LabelSmoothing = 0.05;

    /// <param name="dataPath">Folder, zip or tar of class folders.</param>
    /// <param name="modelPath">Where the ONNX file goes.</param>
    /// <param name="size">Side of the model's input in pixels.</param>
    /// <param name="steps">Steps of 64 images: a number and not a time, so that a busy machine takes longer instead of teaching less.</param>
    /// <param name="expected">Wall time that this should take, for the progress shown.</param>
    /// <exception cref="InputException">The data cannot be used; one line.</exception>
    public static TrainingReport Train(string dataPath, string modelPath, int size, long steps, TimeSpan expected, ulong seed, IProgress<CompressionProgress> progress, CancellationToken cancellation)
    {
        // A second thread brings a fifth at most on a model this small (63 ms a step instead of 80, measured on 2 cores), and on
        // a busy machine the two spend most of their time waiting for one another.
        TorchRuntime.Prepare(threads: 1);
        var clock = new RunClock(TimeProvider.System, expected);
        using var images = LabelledImages.Open(dataPath);
        var samples = ImageSamples.Open(images, size, size, ImageMemoryBytes,
            fault => progress.Report(new CompressionProgress("teacher", 0, 1, clock.Left, Note: $"skipped {fault}")), cancellation);
        var batches = new BatchSource(samples, [.. Enumerable.Range(0, samples.Count)], new Preprocessing(size, size), Augmentation.For(size, size), seed);

        var graph = SmallResNet.Create(size, images.Classes.Count, Width, seed);
        var groups = ChannelDependencies.Find(graph);
        using var weights = new StudentWeights(graph, groups, [new StudentShape("teacher", 1, [.. groups.Select(g => g.Size)])]);
        var executor = new TorchGraph(weights.Graphs[0], TorchRuntime.HasBfloat16);
        var trainee = LabelTrainee.Of(weights, weights.Trained, input => executor.Run(input, weights.Student(0), training: true), LabelSmoothing);
        var plan = new TrainingPlan("teacher", BatchSize, new OneCycle(PeakRate), Decay, Clip, expected, steps);
        var report = new Trainer(clock, TimeProvider.System, progress, null, TimeSpan.MaxValue, "").Run(trainee, batches, null, plan, resume: false, stepSeconds: 0.05, teacherSeconds: 0, cancellation);
        OnnxExporter.Write(weights.Extract(0) with { Name = "teacher" }, modelPath);
        return report;
    }
}
