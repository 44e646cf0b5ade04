using EdgeAgent.Compression.Packaging;

namespace EdgeAgent.Compression.Passes;

/// <summary>The predictions that are reported: on the test images where there are any, read here and nowhere before, else on the held-out ones.</summary>
/// <param name="Labels">Class of every image.</param>
/// <param name="TeacherClasses">What the user's own file says of every image.</param>
/// <param name="ModelClasses">What a written file says, by its path.</param>
public sealed record Tested(string Split, string DataSha256, int[] Labels, int[] TeacherClasses, IReadOnlyDictionary<string, int[]> ModelClasses)
{
    /// <summary>Hash of the test data; null without.</summary>
    public string? TestSha256 => Split == "test" ? DataSha256 : null;

    public Accuracy Teacher => Accuracy.Of(TeacherClasses, Labels);

    public Accuracy Model(string path) => Accuracy.Of(ModelClasses[path], Labels);

    /// <param name="paths">The files to judge.</param>
    /// <param name="validation">A file's classes of the held-out images, asked where there are no test images.</param>
    public static Tested Of(TrainingOptions options, RunInputs inputs, TeacherPass teacher, IEnumerable<string> paths, Func<string, int[]> validation, Action<string> note, CancellationToken cancellation)
    {
        if (options.TestPath is null)
            return new Tested("validation", inputs.ValidationSha256, [.. inputs.Validation.Labels], teacher.ValidationClasses, paths.Distinct().ToDictionary(p => p, validation));
        var (images, sha256) = inputs.OpenTest(options.TestPath, options, note, cancellation);
        return new Tested("test", sha256, [.. images.Labels], teacher.On(images, cancellation), paths.Distinct().ToDictionary(p => p, p => OnnxModel.ClassesOf(p, options.ThreadCount, images, cancellation)));
    }
}
