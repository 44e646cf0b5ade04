using System.Globalization;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using TorchSharp;

namespace EdgeAgent.Compression.Passes;

/// <summary>
/// Fits a teacher that was trained for other classes to the data: a new last layer, trained first with all others frozen, so
/// that its first, wrong gradients destroy nothing; then everything together at a low rate.
/// </summary>
/// <param name="ModelPath">The fitted teacher, an ordinary ONNX file; it stays in the output directory.</param>
/// <param name="Teacher">What the file holds.</param>
/// <param name="HeadTop1">On held-out images after the first part; <paramref name="Top1"/> after the second.</param>
public sealed record TransferPass(string ModelPath, GraphSpec Teacher, double HeadTop1, double Top1, TrainingReport Training)
{
    public const string FileName = "teacher.onnx";

    /// <summary>Of the whole budget, when the new layer and when everything is trained; the rest is the students'.</summary>
    private const double HeadEnd = 0.06, TrunkEnd = 0.3;

    /// <summary>Where steps are given and not time: main steps for one of each part.</summary>
    private const long HeadShare = 8, TrunkShare = 2;

    /// <summary>Peak rates at a batch of 256.</summary>
    private const double HeadRate = 0.2, TrunkRate = 0.05, RateBatch = 256;

    private const double Decay = 5e-4, Clip = 5, LabelSmoothing = 0.1;

    private const int JudgedImages = 2000;

    public static TransferPass Run(TrainingOptions options, RunInputs inputs, Workspace workspace, Func<string, Trainer> trainer, CancellationToken cancellation)
    {
        // In the form that training has: the names of the new layer's constants must last.
        var (graph, head) = NewHead.Apply(DenseToGemm.Apply(inputs.Teacher), inputs.Classes.Count, options.Seed);
        var normed = WeightScaling.Apply(TrainableTeacher.WithNorms(graph, inputs, cancellation));
        var groups = ChannelDependencies.Find(normed);
        using var weights = new StudentWeights(normed, groups, [new StudentShape("teacher", 1, [.. groups.Select(g => g.Size)])]);
        var executor = new TorchGraph(weights.Graphs[0], TorchRuntime.HasBfloat16);
        var batchSize = CalibrationPass.BatchSize(inputs);
        var scale = Math.Min(1, batchSize / RateBatch);

        var lookup = weights.Student(0);
        ParameterLookup frozen = name => head.Contains(name) ? lookup(name) : lookup(name).detach();
        Train("head", [.. weights.Trained.Where(t => head.Contains(t.Name))], input => executor.Run(input, frozen, training: false), HeadRate, HeadEnd, HeadShare);
        var headTop1 = Top1();
        var report = Train("transfer", weights.Trained, input => executor.Run(input, lookup, training: true), TrunkRate, TrunkEnd, TrunkShare);
        BatchNormStatistics.Measure(weights, 0, inputs.Training, batchSize, TorchRuntime.HasBfloat16, cancellation);
        var top1 = Top1();

        var path = Path.Combine(workspace.Directory, FileName);
        OnnxExporter.Write(Simplification.Apply(weights.Extract(0)), path);
        return new TransferPass(path, Simplification.Apply(ModelImporter.Load(path)), headTop1, top1, report);

        double Top1() => TorchAccuracy.Top1(executor, lookup, inputs.Validation, cancellation, JudgedImages);

        TrainingReport Train(string pass, IReadOnlyList<TrainedTensor> trained, Func<torch.Tensor, torch.Tensor> run, double rate, double end, long share)
        {
            var trainee = LabelTrainee.Of(weights, trained, run, LabelSmoothing);
            var steps = options.Steps is { } main ? Math.Max(1, main / share) : (long?)null;
            var plan = new TrainingPlan(pass, batchSize, new OneCycle(rate * scale), Decay, Clip, options.Budget * end, steps);
            // The first guess is far too short for a large teacher: the plan is looked at again after two steps.
            return trainer(pass).Run(trainee, inputs.Training, null, plan, options.Resume, stepSeconds: 0.05, teacherSeconds: 0, cancellation);
        }
    }

    public string Describe(int classes) => string.Create(CultureInfo.InvariantCulture,
        $"new last layer for {classes} classes, top-1 {HeadTop1 * 100:0.0} % with the others frozen, {Top1 * 100:0.0} % after {Training.Epochs:0.0} epochs of all; written to {ModelPath}");
}
