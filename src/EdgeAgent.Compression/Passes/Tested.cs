using EdgeAgent.Compression.Packaging;

namespace EdgeAgent.Compression.Passes;

/// <summary>The accuracies that are reported: on the test images where there are any, read here and nowhere before, else on the held-out ones.</summary>
/// <param name="Models">By the path of the file.</param>
public sealed record Tested(string Split, string DataSha256, Accuracy Teacher, IReadOnlyDictionary<string, Accuracy> Models)
{
    /// <summary>Hash of the test data; null without.</summary>
    public string? TestSha256 => Split == "test" ? DataSha256 : null;

    /// <param name="paths">The files to judge.</param>
    /// <param name="validation">A file's accuracy on the held-out images, asked where there are no test images.</param>
    public static Tested Of(TrainingOptions options, RunInputs inputs, TeacherPass teacher, IEnumerable<string> paths, Func<string, Accuracy> validation, Action<string> note, CancellationToken cancellation)
    {
        if (options.TestPath is null)
            return new Tested("validation", inputs.ValidationSha256, teacher.Validation, paths.Distinct().ToDictionary(p => p, validation));
        var (images, sha256) = inputs.OpenTest(options.TestPath, options, note, cancellation);
        return new Tested("test", sha256, teacher.On(images, cancellation), paths.Distinct().ToDictionary(p => p, p => OnnxModel.AccuracyOf(p, options.ThreadCount, images, cancellation)));
    }
}
