using EdgeAgent.Compression.Packaging;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Inputs;
using StbImageWriteSharp;

namespace EdgeAgent.Compression.Tests.Passes;

public sealed class MirrorTestTests : IDisposable
{
    private const int PerClass = 30;

    private readonly string _folder = Directory.CreateTempSubdirectory("edgeagent-mirror-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(new[] { 100, 100 }, new[] { 95, 85 }, null)]
    [InlineData(new[] { 100, 100 }, new[] { 90, 89 }, "of 200 images that the teacher knows, it knows 179 when they are mirrored")]
    [InlineData(new[] { 1000, 20 }, new[] { 1000, 9 }, "of 20 images of right that the teacher knows, it knows 9 when they are mirrored")]
    [InlineData(new[] { 1000, 19 }, new[] { 1000, 0 }, null)]
    [InlineData(new[] { 0, 0 }, new[] { 0, 0 }, null)]
    public void ObjectionOf_RightAnswersThatAreKept_NamesWhatIsLost(int[] right, int[] kept, string? expected) =>
        Assert.Equal(expected, MirrorTest.ObjectionOf(right, kept, ["left", "right"]));

    [Theory]
    [InlineData(1, null, 400)]
    [InlineData(5, null, 1000)]
    [InlineData(30, null, 2000)]
    [InlineData(1, 100L, 2000)]
    public void ImagesOf_AShortRun_AreFewer(int minutes, long? steps, int expected) => Assert.Equal(expected,
        MirrorTest.ImagesOf(new TrainingOptions { ModelPath = "", DataPath = "", OutDirectory = "", Budget = TimeSpan.FromMinutes(minutes), Steps = steps }));

    /// <summary>A model that tells on which side an image is bright: its classes are each other's mirror images, or with one that tells top from bottom, its own.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Run_OnSides_IsMirroredOnlyWhereTheClassesStay(bool sides)
    {
        var options = Options(sides);
        using var inputs = RunInputs.Open(options, _ => { }, TestContext.Current.CancellationToken);
        using var teacher = TeacherPass.Measure(options.ModelPath, options, inputs, Workspace.Open(options.OutDirectory), TestContext.Current.CancellationToken);

        Assert.Equal(1, teacher.Validation.Top1);
        Assert.Equal(sides ? 0 : 1, teacher.Mirror!.Top1);
        Assert.Equal(sides ? $"of {PerClass} images of first that the teacher knows, it knows 0 when they are mirrored" : null, teacher.Mirror.Objection);
        Assert.Equal(sides, teacher.Describe().Contains("are not mirrored in training", StringComparison.Ordinal));

        using var told = TeacherPass.Measure(options.ModelPath, options with { Flip = true }, inputs, Workspace.Open(options.OutDirectory), TestContext.Current.CancellationToken);
        Assert.Null(told.Mirror);
    }

    /// <summary>Images whose first class is bright on the left and second on the right, or above and below.</summary>
    private TrainingOptions Options(bool sides)
    {
        const int size = TestGraphs.Size, half = size / 2;
        foreach (var (name, first) in new[] { ("first", true), ("second", false) })
            for (var i = 0; i < PerClass; i++)
            {
                var pixels = new byte[size * size * RgbImage.Channels];
                for (var y = 0; y < size; y++)
                    for (var x = 0; x < size; x++)
                        if ((sides ? x < half : y < half) == first)
                            pixels.AsSpan((y * size + x) * RgbImage.Channels, RgbImage.Channels).Fill((byte)(200 + i));
                using var file = File.Create(Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "images", name)).FullName, $"{i}.png"));
                new ImageWriter().WritePng(pixels, size, size, ColorComponents.RedGreenBlue, file);
            }
        var model = Path.Combine(_folder, "teacher.onnx");
        OnnxExporter.Write(Model(sides), model);
        return new() { ModelPath = model, DataPath = Path.Combine(_folder, "images"), ValidationPath = Path.Combine(_folder, "images"), OutDirectory = Path.Combine(_folder, "out") };
    }

    /// <summary>One dense layer: the sum of one half minus that of the other.</summary>
    private static GraphSpec Model(bool sides)
    {
        const int size = TestGraphs.Size, length = 3 * size * size;
        var weight = new float[2 * length];
        for (var i = 0; i < length; i++)
        {
            var (y, x) = (i / size % size, i % size);
            weight[i] = (sides ? x : y) < size / 2 ? 1e-3f : -1e-3f;
            weight[length + i] = -weight[i];
        }
        return new GraphSpec(
            "halves",
            [new ValueSpec("image", ElementType.Float32, [-1, 3, size, size])],
            [new ValueSpec("logits", ElementType.Float32, [-1, 2])],
            [new Node("flat", new Flatten(1), ["image"], ["flat"]), new Node("dense", new Gemm(1, 1, false, true), ["flat", "weight"], ["logits"])],
            new Dictionary<string, Tensor> { ["weight"] = Tensor.Of(weight, [2, length]) }).Verify();
    }
}
