using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;
using EdgeAgent.Tests.Graph.Keras;
using EdgeAgent.Tests;

namespace EdgeAgent.Compression.Tests.Teacher;

/// <summary>Teachers that take their images with the channels last, as TensorFlow, Keras and TensorFlow Lite have them.</summary>
public sealed class ImportedTeacherTests : IDisposable
{
    private readonly TestData _data = new();

    static ImportedTeacherTests() => TorchRuntime.Prepare();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("ic_resnet8.h5", 10)]
    [InlineData("ic_resnet8_float.tflite", 10)]
    [InlineData("vww_96.h5", 2)]
    [InlineData("vww_96_float.tflite", 2)]
    public void Model_AsItComes_IsTrainable(string file, int classes)
    {
        var path = Repository.Shared("models", file);
        var graph = ClassifierHead.ToLogits(Simplification.Apply(PlanarInputs.Apply(ModelImporter.Load(path))));
        Assert.Equal([-1, classes], graph.Outputs[0].Shape);
        Assert.DoesNotContain(graph.Nodes, n => n.Op is Transpose);
        Training.AssertComputesAsTheInterpreter(graph, Training.Inputs(graph, 4));
        Assert.Contains(ChannelDependencies.Find(graph), g => !g.Frozen && g.Size >= 8);
        Training.AssertLearns(graph, Training.Inputs(graph, 8));
    }

    public static TheoryData<string> Networks() => [.. Architectures.Sides.Keys];

    /// <summary>
    /// At full depth and width: a step along the gradients of a network of random weights lowers the loss, and a narrow student computes the
    /// same bytes in simulation and plan.
    /// </summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void NetworkOfAnyArchitecture_FromAKerasFile_IsTrainableAndItsStudentsShip(string name)
    {
        var (file, output) = Architectures.Build(name);
        var path = Path.Combine(_data.Root, "model.h5");
        File.WriteAllBytes(path, file.ToHdf5(output));
        var graph = ClassifierHead.ToLogits(Simplification.Apply(PlanarInputs.Apply(ModelImporter.Load(path))));
        Assert.Equal([-1, 3, Architectures.Sides[name], Architectures.Sides[name]], graph.Inputs[0].Shape);
        Training.AssertComputesAsTheInterpreter(graph, Training.Inputs(graph, 2), 1e-3f);
        var groups = ChannelDependencies.Find(graph);
        // All but the image's three and the thousand classes can be narrowed.
        Assert.Equal(1003, groups.Where(g => g.Frozen).Sum(g => g.Size));
        Training.AssertLearns(graph, Training.Inputs(graph, 4), steps: 2, rate: 0.05, share: 0.998);
        var profiles = ((string[])["x64-gateway", "raspberry-pi-4", "jetson-orin-nano"]).Select(id => ProfileLoader.LoadById(Repository.FirmwareProfiles, id)).ToArray();
        Assert.InRange(ShippingCheck.Run(path, graph, profiles, Training.Inputs(graph, 1).Floats), 30, 2000);
    }

    [Fact]
    public void TfLiteFile_AsATeacher_IsTheSameTeacherAsItsOnnxForm()
    {
        var (onnx, tflite) = (Path.Combine(_data.Root, "teacher.onnx"), Path.Combine(_data.Root, "teacher.tflite"));
        OnnxExporter.Write(TestGraphs.Residual(), onnx);
        TfLiteExporter.Write(TestGraphs.Residual(), tflite);
        Assert.Equal([-1, TestGraphs.Size, TestGraphs.Size, 3], ModelImporter.Load(tflite).Inputs[0].Shape);

        using var planar = RunInputs.Open(Options(onnx), _ => { }, CancellationToken.None);
        using var turned = RunInputs.Open(Options(tflite), _ => { }, CancellationToken.None);

        Assert.Null(planar.Measured);
        Assert.Equal(planar.Teacher.Inputs[0].Shape, turned.Measured!.Inputs[0].Shape);
        Assert.Equal(planar.Preprocessing, turned.Preprocessing);
        TorchGraphTests.AssertClose(TorchGraphTests.Interpreted(planar.Teacher), TorchGraphTests.Interpreted(turned.Teacher), 1e-4f);
        using var measured = TeacherPass.Measure(Options(onnx).ModelPath, Options(onnx), planar, Workspace.Open(Path.Combine(_data.Root, "a")), CancellationToken.None);
        using var imported = TeacherPass.Measure(Options(tflite).ModelPath, Options(tflite), turned, Workspace.Open(Path.Combine(_data.Root, "b")), CancellationToken.None);
        Assert.Equal(measured.On(planar.Training, CancellationToken.None), imported.On(turned.Training, CancellationToken.None));
        Assert.Equal(measured.Statistics.Macs, imported.Statistics.Macs);
    }

    /// <summary>The pre-processing is the user's, for the user's file: it says channels last, and the run turns it.</summary>
    [Fact]
    public void PreprocessingOfAChannelsLastModel_IsTakenForItsOwnLayoutAndTurned()
    {
        var tflite = Path.Combine(_data.Root, "teacher.tflite");
        TfLiteExporter.Write(TestGraphs.Residual(), tflite);
        var given = new Preprocessing(TestGraphs.Size, TestGraphs.Size) { Scale = 0.5f, Layout = TensorLayout.Nhwc };
        foreach (var document in (PreprocessingDocument[])[PreprocessingDocument.Of(given), new(Scale: 0.5f)])
        {
            using var inputs = RunInputs.Open(Options(tflite) with { Preprocessing = document }, _ => { }, CancellationToken.None);
            Assert.Equal(given with { Layout = TensorLayout.Nchw }, inputs.Preprocessing);
        }
        Assert.Throws<InputException>(() => RunInputs.Open(Options(tflite) with { Preprocessing = new(Layout: TensorLayout.Nchw) }, _ => { }, CancellationToken.None));
    }

    private CompressionOptions Options(string model) => new()
    {
        ModelPath = model,
        DataPath = _data.Images,
        OutDirectory = Path.Combine(_data.Root, "out"),
        Profiles = [],
    };
}
