using System.Diagnostics;
using System.Globalization;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Passes;

/// <summary>The teacher's file, the user's own or the one fitted to the data, in ONNX Runtime: the yardstick of every student.</summary>
public sealed class TeacherPass : IDisposable
{
    private readonly OnnxModel _model;

    private TeacherPass(OnnxModel model) => _model = model;

    /// <summary>Class of every held-out image.</summary>
    public required int[] ValidationClasses { get; init; }

    public required Accuracy Validation { get; init; }

    public required double P50Us { get; init; }

    /// <summary>In batches, with all threads of the run.</summary>
    public required double SecondsPerImage { get; init; }

    public required GraphStatistics Statistics { get; init; }

    /// <summary>Null where the user has said whether images are mirrored.</summary>
    public MirrorTest? Mirror { get; init; }

    /// <param name="path">The user's file, or the ONNX file of a teacher fitted to the data.</param>
    public static TeacherPass Measure(string path, TrainingOptions options, RunInputs inputs, Workspace workspace, CancellationToken cancellation)
    {
        if (path == options.ModelPath && inputs.Measured is { } graph)
        {
            path = workspace.StatePath("teacher.onnx");
            OnnxExporter.Write(graph, path);
        }
        var p50 = OnnxModel.MediansUs(inputs.Validation, cancellation, path)[0];
        var model = new OnnxModel(path, options.ThreadCount);
        var start = Stopwatch.GetTimestamp();
        var classes = model.Classes(inputs.Validation, cancellation);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds / inputs.Validation.Count;
        return new TeacherPass(model) { ValidationClasses = classes, Validation = Accuracy.Of(classes, inputs.Validation.Labels), P50Us = p50, SecondsPerImage = seconds, Statistics = GraphStatistics.Of(inputs.Teacher), Mirror = options.Flip is null ? MirrorTest.Of(model, classes, inputs.Validation, MirrorTest.ImagesOf(options), inputs.Classes, cancellation) : null };
    }

    /// <summary>Class of every image, in order.</summary>
    public int[] On(Data.BatchSource images, CancellationToken cancellation) => _model.Classes(images, cancellation);

    public string Describe() => string.Create(CultureInfo.InvariantCulture, $"top-1 {Validation.Top1 * 100:0.00} % on held-out images, {Statistics.Parameters} parameters, {Statistics.Macs / 1e6:0.0} MMAC{(Mirror?.Objection is { } objection ? $"; images are not mirrored in training: {objection}" : "")}");

    public void Dispose() => _model.Dispose();
}
