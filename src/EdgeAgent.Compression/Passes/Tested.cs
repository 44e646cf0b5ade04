using EdgeAgent.Compression.Packaging;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Compression.Passes;

/// <summary>The accuracies that are reported: on the test images where there are any, read here and nowhere before, else on the held-out ones.</summary>
public sealed record Tested(string Split, string DataSha256, Accuracy Teacher, IReadOnlyDictionary<(string Student, ActivationFormat Format), Accuracy> Students)
{
    public static Tested Of(CompressionOptions options, RunInputs inputs, TeacherPass teacher, IReadOnlyList<Candidate> accepted, Action<string> note, CancellationToken cancellation)
    {
        var students = accepted.Select(c => c.Written).DistinctBy(w => (w.Student.Shape.Name, w.Format)).ToArray();
        if (options.TestPath is null)
            return new Tested("validation", inputs.ValidationSha256, teacher.Validation, students.ToDictionary(s => (s.Student.Shape.Name, s.Format), s => s.Validation));
        var (images, sha256) = inputs.OpenTest(options.TestPath, options, note, cancellation);
        return new Tested("test", sha256, teacher.On(images, cancellation), students.ToDictionary(s => (s.Student.Shape.Name, s.Format), s =>
        {
            using var model = new OnnxModel(s.OnnxPath, options.ThreadCount);
            return Accuracy.Of(model.Classes(images, cancellation), images.Labels);
        }));
    }
}
