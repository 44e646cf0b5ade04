using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Onnx;
using FsCheck.Xunit;

namespace EdgeAgent.Tests.Graph;

public class InterpreterTests
{
    /// <summary>One small graph for every operator of the IR that takes part in inference on floats.</summary>
    public static IEnumerable<TheoryDataRow<string>> Operators => OperatorGraphs.All.Keys.Select(name => new TheoryDataRow<string>(name));

    [Theory]
    [MemberData(nameof(Operators))]
    public void Interpreter_Operator_AgreesWithOnnxRuntime(string name)
    {
        var graph = OperatorGraphs.All[name]();
        foreach (var batch in new[] { 1, 3 })
            AssertAgree(graph, TestGraph.Inputs(graph, batch));
    }

    [Fact]
    public void OperatorGraphs_All_CoverEveryOperator()
    {
        var covered = OperatorGraphs.All.Values.SelectMany(g => g().Nodes).Select(n => n.Op.GetType()).ToHashSet();
        var operators = typeof(Operator).Assembly.GetTypes().Where(t => t.IsPublic && t.IsSubclassOf(typeof(Operator)) && !t.IsAbstract);
        Assert.Empty(operators.Where(t => !covered.Contains(t)).Select(t => t.Name));
    }

    [Property(MaxTest = 60)]
    public void Interpreter_AnyConvolution_AgreesWithOnnxRuntime(int seed)
    {
        var random = new Random(seed);
        var test = new TestGraph(seed);
        var (groups, perGroup, outputs) = (random.Next(1, 4), random.Next(1, 5), random.Next(1, 10));
        int[] kernel = [random.Next(1, 5), random.Next(1, 5)];
        var window = new Window(
            kernel, [random.Next(1, 4), random.Next(1, 4)],
            [random.Next(0, 3), random.Next(0, 3), random.Next(0, 3), random.Next(0, 3)], [random.Next(1, 3), random.Next(1, 3)]);
        var x = test.Input(groups * perGroup, random.Next(9, 20), random.Next(9, 40));
        var weights = test.Weights(1, groups * outputs, perGroup, kernel[0], kernel[1]);
        var graph = test.Build(test.Node(new Conv(window, groups), x, weights, test.Weights(1, groups * outputs)));
        AssertAgree(graph, TestGraph.Inputs(graph, random.Next(1, 4)));
    }

    [Property(MaxTest = 60)]
    public void Interpreter_AnyPool_AgreesWithOnnxRuntime(int seed)
    {
        var random = new Random(seed);
        var test = new TestGraph(seed);
        int[] kernel = [random.Next(1, 5), random.Next(1, 5)];
        int Pad(int axis) => random.Next(0, kernel[axis]);
        var window = new Window(kernel, [random.Next(1, 4), random.Next(1, 4)], [Pad(0), Pad(1), Pad(0), Pad(1)], [1, 1]);
        var x = test.Input(random.Next(1, 4), random.Next(5, 14), random.Next(5, 14));
        var max = test.Node(new MaxPool(window, random.Next(2) == 0), x);
        var average = test.Node(new AveragePool(window, false, random.Next(2) == 0), x);
        var graph = test.Build(max, average);
        AssertAgree(graph, TestGraph.Inputs(graph, random.Next(1, 4)));
    }

    [Property(MaxTest = 60)]
    public void Interpreter_AnyBroadcast_AgreesWithOnnxRuntime(int seed)
    {
        var random = new Random(seed);
        var test = new TestGraph(seed);
        int[] shape = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(1, 6))];
        int[] Some() => [.. shape.Select(d => random.Next(2) == 0 ? 1 : d)];
        var a = test.Node(new Relu(), test.Input(Some()));
        var b = test.Node(new Sigmoid(), test.Input(Some()));
        Operator op = random.Next(4) switch { 0 => new Add(), 1 => new Sub(), 2 => new Mul(), _ => new Div() };
        var graph = test.Build(test.Node(op, a, b), test.Node(op, a, test.Weights(3, shape[^1])));
        AssertAgree(graph, TestGraph.Inputs(graph, random.Next(1, 4)));
    }

    [Fact]
    public void Interpreter_AnyThreadCount_GivesTheSameBits()
    {
        var graph = OperatorGraphs.ResidualNet(seed: 3);
        var inputs = TestGraph.Inputs(graph, batch: 9);
        var expected = new GraphInterpreter(graph, threads: 1).Run(inputs);
        foreach (var threads in new[] { 2, 5 })
            Assert.Equal(expected.Values.First().Floats, new GraphInterpreter(graph, threads).Run(inputs).Values.First().Floats);
    }

    [Fact]
    public void Interpreter_SecondRun_LeavesEarlierResultsAlone()
    {
        var graph = OperatorGraphs.ResidualNet(seed: 4);
        var interpreter = new GraphInterpreter(graph);
        var first = interpreter.Run(TestGraph.Inputs(graph, batch: 2, seed: 1)).Values.First();
        var kept = first.Floats.ToArray();
        interpreter.Run(TestGraph.Inputs(graph, batch: 2, seed: 2));
        interpreter.Run(TestGraph.Inputs(graph, batch: 5, seed: 3));
        Assert.Equal(kept, first.Floats);
    }

    [Fact]
    public void Interpreter_InputOfAnotherShape_IsRefusedByName()
    {
        var graph = OperatorGraphs.ResidualNet(seed: 5);
        var fault = Assert.Throws<ArgumentException>(() => new GraphInterpreter(graph).Run(new Dictionary<string, Tensor> { ["x0"] = Tensor.Of(new float[8], 1, 8) }));
        Assert.Contains("'x0'", fault.Message);
    }

    /// <summary>Inputs and constants belong to the caller: a run must not change them, whatever it does in place.</summary>
    [Fact]
    public void Interpreter_ActivationOfAnInput_LeavesTheInputAlone()
    {
        var test = new TestGraph(1);
        var graph = test.Build(test.Node(new Relu(), test.Node(new Reshape([0, -1]), test.Input(4, 4))));
        var inputs = TestGraph.Inputs(graph, batch: 1);
        var kept = inputs["x0"].Floats.ToArray();
        new GraphInterpreter(graph).Run(inputs);
        Assert.Equal(kept, inputs["x0"].Floats);
    }

    internal static void AssertAgree(GraphSpec graph, Dictionary<string, Tensor> inputs, float tolerance = 1e-4f)
    {
        var expected = OnnxRuntimeReference.Run(graph, inputs);
        var actual = new GraphInterpreter(graph).Run(inputs);
        foreach (var (name, tensor) in expected)
        {
            Assert.Equal(tensor.Shape, actual[name].Shape);
            if (tensor.Data is not float[] values)
                Assert.Equal(tensor.Data, actual[name].Data);
            else
                for (var i = 0; i < values.Length; i++)
                    Assert.True(
                        MathF.Abs(values[i] - actual[name].Floats[i]) <= tolerance * MathF.Max(1, MathF.Abs(values[i])) || values[i] == actual[name].Floats[i],
                        $"{name}[{i}]: ONNX Runtime {values[i]}, interpreter {actual[name].Floats[i]}");
        }
    }
}
