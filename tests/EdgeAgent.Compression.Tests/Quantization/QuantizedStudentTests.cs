using EdgeAgent.Compression.Quantization;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Compression.Tests.Teacher;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;
using TorchSharp;

namespace EdgeAgent.Compression.Tests.Quantization;

public sealed class QuantizedStudentTests
{
    private const int Samples = 32;

    static QuantizedStudentTests() => TorchRuntime.Prepare();

    [Theory]
    [MemberData(nameof(TorchGraphTests.Graphs), MemberType = typeof(TorchGraphTests))]
    public void Export_AfterCalibration_GivesAPlanWithTheBytesOfTheSimulation(string name)
    {
        var qdq = Quantized(name, ActivationFormat.UInt8);

        var simulated = Simulated(qdq);
        using var model = PlanModel.Load(PlanLowering.Lower(qdq));
        using var executor = new PlanExecutor(model);
        var images = TestGraphs.Images(Samples);
        var logits = new float[TestGraphs.Classes];
        for (var i = 0; i < Samples; i++)
        {
            executor.Run(images.AsSpan(i * images.Length / Samples, images.Length / Samples), logits);
            Assert.Equal(simulated[(i * TestGraphs.Classes)..((i + 1) * TestGraphs.Classes)], logits);
        }
    }

    [Theory]
    [MemberData(nameof(TorchGraphTests.Graphs), MemberType = typeof(TorchGraphTests))]
    public void Export_AfterCalibration_StaysCloseToTheFloatStudent(string name)
    {
        var expected = new GraphInterpreter(TorchGraphTests.Named(name)).Run(Input(TorchGraphTests.Named(name)))[TorchGraphTests.Named(name).Outputs[0].Name].Floats;

        var simulated = Simulated(Quantized(name, ActivationFormat.UInt8));

        var range = expected.Max() - expected.Min();
        Assert.All(expected.Zip(simulated), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 0.1f * range));
    }

    [Fact]
    public void Export_InSymmetricFormat_HasZeroPointsOfZero()
    {
        var qdq = Quantized("residual", ActivationFormat.Int8Symmetric);

        Assert.All(qdq.Nodes.Where(n => n.Op is QuantizeLinear), n => Assert.All((sbyte[])qdq.Constants[n.Inputs[2]].Data, z => Assert.Equal(0, z)));
    }

    private static GraphSpec Quantized(string name, ActivationFormat format)
    {
        using var batch = torch.tensor(TestGraphs.Images(Samples), [Samples, 3, TestGraphs.Size, TestGraphs.Size]);
        using var student = new QuantizedStudent(TorchGraphTests.Named(name), format);
        student.Calibrate([batch]);
        var (graph, parameters) = student.Export();
        return QdqRewrite.Apply(graph, parameters);
    }

    private static float[] Simulated(GraphSpec qdq) => new Int8Simulation(qdq, 2).Run(Input(qdq))[qdq.Outputs[0].Name].Floats;

    private static Dictionary<string, Tensor> Input(GraphSpec graph) =>
        new() { [graph.Inputs[0].Name] = Tensor.Of(TestGraphs.Images(Samples), Samples, 3, TestGraphs.Size, TestGraphs.Size) };
}
