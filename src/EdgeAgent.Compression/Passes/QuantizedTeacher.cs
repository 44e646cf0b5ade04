using System.Globalization;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Compression.Passes;

/// <summary>The teacher itself in int8, without training: something to use within a minute or two, while the family is still to come.</summary>
/// <param name="Validation">Of the written file in ONNX Runtime, on held-out images: all of them, or for a slow teacher the first.</param>
public sealed record QuantizedTeacher(string ModelPath, string Method, long Bytes, Accuracy Validation)
{
    public const string FolderName = "int8";

    private const int BatchSize = 32, FewestJudged = 500;

    /// <summary>Images that quantization is fitted with: as many as there is time for.</summary>
    private static readonly int[] Images = [64, 32, 16];

    /// <summary>Times of the teacher's inference that an image costs here: four ways, each with several passes of the interpreter.</summary>
    private const double Inferences = 60;

    /// <summary>Share of the budget that this may take.</summary>
    private const double Share = 0.04;

    /// <returns>Null where it would take too much of the budget, or where an interrupted run has written it already.</returns>
    public static QuantizedTeacher? Run(TrainingOptions options, RunInputs inputs, TeacherPass teacher, ActivationFormat format, Workspace workspace, CancellationToken cancellation)
    {
        var path = workspace.QuantizedTeacherPath;
        if (options.Resume && File.Exists(path))
            return null;
        // Counted in inferences of the teacher.
        var affordable = options.Steps is null ? options.Budget.TotalSeconds * Share / teacher.SecondsPerImage : double.PositiveInfinity;
        var judged = (int)Math.Min(inputs.Validation.Count, Math.Max(FewestJudged, affordable / 2));
        var count = Images.FirstOrDefault(i => i * Inferences + judged <= affordable);
        if (count == 0)
            return null;
        var graph = Simplification.ForQuantization(inputs.Teacher);
        IReadOnlyDictionary<string, Tensor>[] batches = [.. inputs.PlainTraining.Sample(0, count, Math.Min(BatchSize, count), cancellation)
            .Select(b => new Dictionary<string, Tensor> { [graph.Inputs[0].Name] = Tensor.Of(b.Input, [b.Labels.Length, .. graph.Inputs[0].Shape[1..]]) })];
        var result = PostTrainingQuantization.Run(graph, batches, format, options.ThreadCount, _ => cancellation.ThrowIfCancellationRequested())[0];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        OnnxExporter.Write(result.Qdq, path);
        return new QuantizedTeacher(path, result.Method, new FileInfo(path).Length, OnnxModel.AccuracyOf(path, options.ThreadCount, inputs.Validation, cancellation, judged));
    }

    public string Describe(long teacherBytes) => string.Create(CultureInfo.InvariantCulture,
        $"the teacher in int8, without training: top-1 {Validation.Top1 * 100:0.00} % on {Validation.Samples} held-out images, {(double)teacherBytes / Bytes:0.0} times smaller, in {ModelPath}");
}
