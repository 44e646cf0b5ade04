using System.IO.Compression;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Compression.Tests.Teacher;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Inputs;
using EdgeAgent.Tests;
using EdgeAgent.Tests.Graph;

namespace EdgeAgent.Compression.Tests.Passes;

public sealed class RunInputsTests : IDisposable
{
    private static readonly string[] Ordinal = ["class-0", "class-1", "class-2", "class-3"], Reversed = ["class-3", "class-2", "class-1", "class-0"];

    private readonly TestData _data = new();

    static RunInputsTests() => TorchRuntime.Prepare();

    public void Dispose() => _data.Dispose();

    /// <summary>Golden samples, curves and quick judgements are of the first held-out images: they must not all be of the first class.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void HeldOutImages_OfClassFolders_ComeInAMixedOrderThatIsAlwaysTheSame(bool given)
    {
        var options = Options(TestGraphs.Residual()) with { ValidationPath = given ? _data.Images : null };
        using var inputs = Open(options);
        using var again = Open(options);

        var labels = inputs.Validation.Labels.ToArray();
        Assert.Equal(again.Validation.Labels, labels);
        Assert.All(labels.CountBy(l => l), c => Assert.Equal(labels.Length / TestGraphs.Classes, c.Value));
        Assert.True(labels.Take(labels.Length / TestGraphs.Classes).Distinct().Count() > 1, $"the held-out images come class by class: {string.Join(' ', labels)}");
    }

    /// <summary>Measured as it is, trained as the float model that it approximates.</summary>
    [Theory]
    [InlineData("onnx")]
    [InlineData("tflite")]
    public void QuantizedFile_AsATeacher_IsTheFloatModelAgain(string format)
    {
        var source = Simplification.ForQuantization(TestGraphs.Residual());
        var activations = format == "onnx" ? ActivationFormat.UInt8 : ActivationFormat.Int8;
        Dictionary<string, Tensor> samples = new() { ["image"] = Tensor.Of(TestGraphs.Images(32), 32, 3, TestGraphs.Size, TestGraphs.Size) };
        var qdq = QdqRewrite.Apply(source, new(activations, MinMaxCalibration.Run(source, [samples], activations), new Dictionary<string, float[]>()));
        var options = Options(TestGraphs.Residual()) with { ModelPath = Path.Combine(_data.Root, $"int8.{format}"), ValidationPath = _data.Images };
        if (format == "onnx")
            OnnxExporter.Write(qdq, options.ModelPath);
        else
            TfLiteExporter.Write(HeadQuantization.Apply(qdq, [samples]), options.ModelPath);

        using var inputs = Open(options);
        var (expected, actual) = (TorchGraphTests.Interpreted(source), TorchGraphTests.Interpreted(inputs.Teacher));
        var largest = expected.Max(MathF.Abs);
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 0.05f * largest));
        Assert.Equal(format == "tflite", inputs.Measured?.Nodes.Any(n => n.Op is QuantizeLinear) ?? false);
        Assert.Contains(TrainableTeacher.Prepare(inputs, TestContext.Current.CancellationToken).Groups, g => !g.Frozen);
        Assert.InRange(Measured(options, inputs).Zip(InLibtorch(inputs), (a, b) => a == b).Average(same => same ? 1 : 0), 0.8, 1);
    }

    /// <summary>A file of integers from end to end with its channels last, on photographs.</summary>
    [Fact]
    public void QuantizedFile_OfARealModel_ClassifiesPhotographsAsFloats()
    {
        var photographs = Path.Combine(_data.Root, "photographs");
        using (var archive = ZipFile.OpenRead(Repository.Shared("data", "cifar10-test.zip")))
            foreach (var group in archive.Entries.Where(e => e.Name.Length > 0).GroupBy(e => Path.GetFileName(Path.GetDirectoryName(e.FullName))!))
                foreach (var entry in group.Take(30))
                    entry.ExtractToFile(Path.Combine(Directory.CreateDirectory(Path.Combine(photographs, group.Key)).FullName, entry.Name));
        var options = new TrainingOptions { ModelPath = Repository.Shared("models", "ic_resnet8_int8.tflite"), DataPath = photographs, ValidationPath = photographs, OutDirectory = Path.Combine(_data.Root, "out") };

        using var inputs = Open(options);
        Assert.Equal([-1, 3, 32, 32], inputs.Teacher.Inputs[0].Shape);
        var (file, floats) = (Measured(options, inputs), InLibtorch(inputs));
        Assert.InRange(file.Count(right => right) / 300.0, 0.65, 0.9);
        Assert.InRange(file.Zip(floats, (a, b) => a == b).Count(same => same) / 300.0, 0.9, 1);
    }

    /// <summary>The class is the larger number for libtorch, and the sign of a logit for the file.</summary>
    [Theory]
    [InlineData(true, 100)]
    [InlineData(true, -100)]
    [InlineData(false, 100)]
    [InlineData(false, -100)]
    public void ModelOfOneOutput_ForTwoClasses_SaysWhichOfThem(bool sigmoid, float bias)
    {
        foreach (var name in Reversed[..2])
            Directory.Delete(Path.Combine(_data.Images, name), recursive: true);
        var options = Options(Pooled((t, x) => t.Node(new Gemm(1, 1, false, true), t.Node(new Flatten(1), x), t.Weights(1e-3f, 1, 6), t.Constant(Tensor.Of([bias], 1))), sigmoid ? new Sigmoid() : null));

        using var inputs = Open(options);
        Assert.Equal([-1, 2], inputs.Teacher.Outputs[0].Shape);
        bool[] expected = [.. inputs.Validation.Labels.Select(l => l == 1 == bias > 0)];
        Assert.Equal(expected, Measured(options, inputs));
        Assert.Equal(expected, InLibtorch(inputs));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ModelOfOnePixelImages_AnswersAsItsFile(bool softmax)
    {
        var options = Options(Pooled((t, x) => t.Conv(x, 6, TestGraphs.Classes, kernel: 1), softmax ? new Softmax(1) : null));
        using var inputs = Open(options);
        Assert.Equal([-1, TestGraphs.Classes], inputs.Teacher.Outputs[0].Shape);
        Assert.Equal(Measured(options, inputs), InLibtorch(inputs));
    }

    /// <summary>Of as many channels as fill no block of libtorch's kernels.</summary>
    [Theory]
    [InlineData(TensorLayout.Nchw)]
    [InlineData(TensorLayout.Nhwc)]
    public void ModelOfGreyImages_AnswersAsItsFile(TensorLayout layout)
    {
        const int channels = 28;
        var test = new TestGraph(4);
        var image = layout == TensorLayout.Nhwc ? test.Node(new Transpose([0, 3, 1, 2]), test.Input(TestGraphs.Size, TestGraphs.Size, 1)) : test.Input(1, TestGraphs.Size, TestGraphs.Size);
        var features = test.Node(new Relu(), test.Conv(image, 1, channels));
        var graph = test.Build(test.Dense(test.Node(new Flatten(1), test.Node(new GlobalAveragePool(), features)), channels, TestGraphs.Classes));
        var options = Options(graph);

        using var inputs = Open(options);
        Assert.Equal(new Preprocessing(TestGraphs.Size, TestGraphs.Size) { Channels = 1 }, inputs.Preprocessing);
        Assert.Equal([-1, 1, TestGraphs.Size, TestGraphs.Size], inputs.Teacher.Inputs[0].Shape);
        Training.AssertComputesAsTheInterpreter(inputs.Teacher, Training.Inputs(inputs.Teacher, 4));
        Assert.Equal(Measured(options, inputs), InLibtorch(inputs));
    }

    [Fact]
    public void Preprocessing_InTheModelsFile_IsTakenWhereNoneIsGiven()
    {
        var stored = new Preprocessing(TestGraphs.Size, TestGraphs.Size) { Scale = 1 / 255f, Mean = PerChannel.Of(0.5f) };
        var options = Options(TestGraphs.Residual() with { Metadata = new Dictionary<string, string> { ["preprocessing"] = stored.ToJson() } });
        using var inputs = Open(options);
        using var given = Open(options with { Preprocessing = new(Scale: 2) });
        Assert.Equal(stored, inputs.Preprocessing);
        Assert.Equal(new Preprocessing(TestGraphs.Size, TestGraphs.Size) { Scale = 2 }, given.Preprocessing);
    }

    /// <summary>Outputs keep their order, so labels, data and students follow the file's.</summary>
    [Fact]
    public void Labels_OfTheModelsFileInAnotherOrder_AreThoseOfTheRun()
    {
        using var plain = Open(Options(TestGraphs.Residual()) with { ValidationPath = _data.Images });
        using var inputs = Open(Options(Labelled(Reversed)) with { ValidationPath = _data.Images, TestPath = _data.Images });
        Assert.Equal(Reversed, inputs.Classes);
        Assert.Equal("""["class-3","class-2","class-1","class-0"]""", inputs.Teacher.Metadata["labels"]);
        Assert.Equal(plain.Validation.Labels.Select(l => 3 - l), inputs.Validation.Labels);
        Assert.Equal(Enumerable.Range(0, 4).SelectMany(l => Enumerable.Repeat(3 - l, 24)), inputs.OpenTest(_data.Images, Options(Labelled(Reversed)), _ => { }, TestContext.Current.CancellationToken).Images.Labels);
    }

    [Fact]
    public void Labels_OfTheModelsFileThatAreNotTheData_AreRefusedByName()
    {
        var options = Options(Labelled(["class-0", "class-1", "class-2", "dog"]));
        var fault = Assert.Throws<InputException>(() => Open(options)).Message;
        Assert.Contains("class-3", fault, StringComparison.Ordinal);
        Assert.Contains("dog", fault, StringComparison.Ordinal);
        using var transferred = Open(options with { Transfer = true });
        Assert.Equal(Ordinal, transferred.Classes);
        // Names of something else than the outputs.
        using var others = Open(Options(Labelled(["cat", "dog"])));
        Assert.Equal(Ordinal, others.Classes);
    }

    [Fact]
    public void ImageThatCannotBeRead_IsSkippedAndNamed()
    {
        File.CreateSymbolicLink(Path.Combine(_data.Images, "class-1", "gone.png"), Path.Combine(_data.Root, "nowhere.png"));
        using var inputs = Open(Options(TestGraphs.Residual()));
        Assert.StartsWith("class-1/gone.png: ", Assert.Single(inputs.Skipped), StringComparison.Ordinal);
        Assert.Equal(4 * 24, inputs.Training.Count + inputs.Validation.Count);
    }

    /// <summary>A file that training saved holds an optimizer's moments too, twice as much as the weights.</summary>
    [Fact]
    public void TeacherBytes_OfAKerasFile_AreTheModelsAlone()
    {
        var file = Repository.Shared("models", "ic_resnet8.h5");
        for (var label = TestGraphs.Classes; label < 10; label++)
        {
            var folder = Directory.CreateDirectory(Path.Combine(_data.Images, $"class-{label}")).FullName;
            foreach (var image in Directory.EnumerateFiles(Path.Combine(_data.Images, "class-0")).Take(10))
                File.Copy(image, Path.Combine(folder, Path.GetFileName(image)));
        }
        using var inputs = Open(Options(TestGraphs.Residual()) with { ModelPath = file });
        var parameters = GraphStatistics.Of(inputs.Teacher).Parameters;
        Assert.InRange(new FileInfo(file).Length, 12 * parameters, long.MaxValue);
        Assert.InRange(inputs.TeacherBytes, 4 * parameters, 4.4 * parameters);
    }

    /// <summary>Which held-out images ONNX Runtime has right, on what is measured for the file.</summary>
    private static bool[] Measured(TrainingOptions options, RunInputs inputs)
    {
        using var teacher = TeacherPass.Measure(options.ModelPath, options, inputs, Workspace.Open(options.OutDirectory), TestContext.Current.CancellationToken);
        return [.. teacher.ValidationClasses.Zip(inputs.Validation.Labels, (c, l) => c == l)];
    }

    private static bool[] InLibtorch(RunInputs inputs)
    {
        using var parameters = new FrozenParameters(inputs.Teacher, bfloat16: false);
        return TorchAccuracy.Right(new TorchGraph(inputs.Teacher, bfloat16: false), parameters.Lookup, inputs.Validation, TestContext.Current.CancellationToken);
    }

    /// <summary>A small classifier of pixels 0..255 that ends in <paramref name="head"/> of a pooled image with six channels.</summary>
    private static GraphSpec Pooled(Func<TestGraph, string, string> head, Operator? activation)
    {
        var test = new TestGraph(5);
        var small = test.Node(new Mul(), test.Input(3, TestGraphs.Size, TestGraphs.Size), test.Constant(Tensor.Of([1 / 255f], 1, 1, 1, 1)));
        var end = head(test, test.Node(new GlobalAveragePool(), test.Conv(small, 3, 6)));
        return test.Build(activation is null ? end : test.Node(activation, end));
    }

    private static GraphSpec Labelled(IEnumerable<string> labels) =>
        TestGraphs.Residual() with { Metadata = new Dictionary<string, string> { ["labels"] = $"[{string.Join(',', labels.Select(l => $"\"{l}\""))}]" } };

    private static RunInputs Open(TrainingOptions options) => RunInputs.Open(options, _ => { }, TestContext.Current.CancellationToken);

    private TrainingOptions Options(GraphSpec teacher)
    {
        var model = Path.Combine(_data.Root, "teacher.onnx");
        OnnxExporter.Write(teacher, model);
        return new() { ModelPath = model, DataPath = _data.Images, OutDirectory = Path.Combine(_data.Root, "out") };
    }
}
