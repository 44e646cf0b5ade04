using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Tests.Teacher;
using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Tests.Passes;

public sealed class TrainableTeacherTests : IDisposable
{
    private readonly TestData _data = new(perClass: 12);

    static TrainableTeacherTests() => TorchRuntime.Prepare();

    public void Dispose() => _data.Dispose();

    /// <summary>TensorFlow's dense layers are a product and an addition, whose term no training would touch.</summary>
    [Fact]
    public void Prepare_OfADenseLayerInTwoNodes_TrainsItsBias()
    {
        var options = Options(TestGraphs.Hidden(DenseForm.TwoNodes));
        using var inputs = RunInputs.Open(options, _ => { }, TestContext.Current.CancellationToken);

        var teacher = TrainableTeacher.Prepare(inputs, TestContext.Current.CancellationToken);

        Assert.DoesNotContain(teacher.Graph.Nodes, n => n.Op is MatMul);
        using var weights = teacher.Weights([new StudentShape("w", 1, [.. teacher.Groups.Select(g => g.Size)])]);
        Assert.All(teacher.Graph.Nodes.Where(n => n.Op is Gemm), n => Assert.Contains(weights.Trained, t => t.Name == n.Inputs[2] && !t.Decays));
        TorchGraphTests.AssertClose(TorchGraphTests.Interpreted(inputs.Teacher), TorchGraphTests.Interpreted(teacher.Graph), 1e-3f);
    }

    /// <summary>A new teacher whose own int8 file is left out must not be given with that of the teacher before it.</summary>
    [Fact]
    public void Clear_OfAWorkspace_ForgetsTheEarlierTeacherInInt8()
    {
        var workspace = Workspace.Open(Path.Combine(_data.Root, "out"));
        workspace.Clear();
        Directory.CreateDirectory(Path.GetDirectoryName(workspace.QuantizedTeacherPath)!);
        File.WriteAllText(workspace.QuantizedTeacherPath, "of another teacher");
        File.WriteAllText(workspace.StatePath("passes.json"), "[]");

        workspace.Clear();

        Assert.False(File.Exists(workspace.QuantizedTeacherPath));
        Assert.False(File.Exists(workspace.StatePath("passes.json")));
    }

    /// <summary>Before the training that would fill the disk.</summary>
    [Fact]
    public void RequireSpaceFor_MoreThanTheDiskHas_IsRefused()
    {
        var workspace = Workspace.Open(Path.Combine(_data.Root, "out"));
        workspace.RequireSpaceFor(1 << 20);
        var fault = Assert.Throws<EdgeAgent.Inputs.InputException>(() => workspace.RequireSpaceFor(1L << 60)).Message;
        Assert.Contains("the teacher's answers", fault, StringComparison.Ordinal);
        Assert.Contains("--out", fault, StringComparison.Ordinal);
    }

    private TrainingOptions Options(GraphSpec graph)
    {
        var model = Path.Combine(_data.Root, "teacher.onnx");
        OnnxExporter.Write(graph, model);
        return new() { ModelPath = model, DataPath = _data.Images, OutDirectory = Path.Combine(_data.Root, "out") };
    }
}
