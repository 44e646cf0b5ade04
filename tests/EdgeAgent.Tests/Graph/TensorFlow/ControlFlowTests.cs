using EdgeAgent.Graph.Import.TensorFlow;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;
using Google.Protobuf;
using static EdgeAgent.Tests.Graph.TensorFlow.TensorFlowNodes;

namespace EdgeAgent.Tests.Graph.TensorFlow;

/// <summary>Loops, branches and what training leaves in a graph: all of it is decided while the file is read.</summary>
public class ControlFlowTests
{
    private readonly TestGraph _test = new(5);

    /// <summary>A recurrent layer as Keras traces it: a loop over the steps, which reads from one list and writes to another, from states of zeros.</summary>
    [Fact]
    public void Loop_OverTheStepsOfASequence_IsWrittenOut()
    {
        const int time = 5, features = 3, units = 4;
        var (x, kernel, recurrent, bias) = (_test.Random(1, 2, time, features), _test.Random(1, features, units), _test.Random(1, units, units), _test.Random(1, units));
        var graph = Import(Loop(x, kernel, recurrent, bias));
        var expected = new List<float>();
        for (var n = 0; n < 2; n++)
        {
            var state = new double[units];
            for (var t = 0; t < time; t++)
                state = [.. Enumerable.Range(0, units).Select(j => Math.Tanh(bias.Floats[j]
                    + Enumerable.Range(0, features).Sum(i => (double)x.Floats[(n * time + t) * features + i] * kernel.Floats[i * units + j])
                    + Enumerable.Range(0, units).Sum(i => state[i] * recurrent.Floats[i * units + j])))];
            expected.AddRange(state.Select(v => (float)v));
        }
        ChannelsLastMath.AssertClose(Tensor.Of([.. expected], 2, units), KerasFileTests.Run(graph, x));
        Assert.Equal([-1, units], graph.Outputs[0].Shape);
    }

    [Fact]
    public void MutatedLoop_TwoThousandTimes_AlwaysGivesAGraphOrARefusal()
    {
        var whole = Loop(_test.Random(1, 2, 3, 2), _test.Random(1, 2, 3), _test.Random(1, 3, 3), _test.Random(1, 3)).ToByteArray();
        foreach (var bytes in Mutations.Of(whole, 2_000))
            DamagedFile.LoadOrRefuse("bad.pb", bytes);
    }

    [Fact]
    public void Loop_WithoutEnd_IsRefusedByNode()
    {
        var graph = Loop(_test.Random(1, 2, 3, 2), _test.Random(1, 2, 3), _test.Random(1, 3, 3), _test.Random(1, 3));
        // The counter that the condition reads is handed on as it is.
        graph.Library.Function.Single(f => f.Signature.Name == "body").Ret["counter_out"] = "counter";
        Assert.Contains("node 'while' (While)", DamagedFile.LoadOrRefuse("endless.pb", graph.ToByteArray()));
    }

    private static GraphDef Loop(Tensor x, Tensor kernel, Tensor recurrent, Tensor bias)
    {
        var (time, features, units) = (x.Shape[1], x.Shape[2], kernel.Shape[1]);
        NodeDef Scalar(string name, int value) => Ints(name, [value], []);
        string[] state = ["counter", "list", "state", "sequence", "kernel", "recurrent", "bias"];
        var graph = new GraphDef { Library = new() };
        graph.Node.AddRange(
        [
            Placeholder("x", x.Shape), Constant("kernel", kernel), Constant("recurrent", recurrent), Constant("bias", bias), Scalar("zero", 0), Scalar("steps", time), Ints("order", [1, 0, 2]), Ints("element", [-1, units]),
            Node("major", "Transpose", ["x", "order"]), Ints("inner", [-1, features]), Node("sequence", "TensorListFromTensor", ["major", "inner"]), Node("list", "TensorListReserve", ["element", "steps"]),
            // Zeros of the batch's size.
            Node("shape", "Shape", ["x"]), Ints("begin", [0]), Ints("end", [1]), Ints("one", [1]), Node("batch", "StridedSlice", ["shape", "begin", "end", "one"], ("shrink_axis_mask", new() { I = 1 })),
            Scalar("units", units), Node("sizes", "Pack", ["batch", "units"]), Constant("nothing", Tensor.Of(new float[1], [])), Node("zeros", "Fill", ["sizes", "nothing"]),
            Node("while", "While", ["zero", "list", "zeros", "sequence", "kernel", "recurrent", "bias"], ("cond", new() { Func = new() { Name = "cond" } }), ("body", new() { Func = new() { Name = "body" } })),
            Node("stacked", "TensorListStack", ["while:1", "element"]), Ints("last", [-1]), Ints("behind", [0]), Node("y", "StridedSlice", ["stacked", "last", "behind", "one"], ("shrink_axis_mask", new() { I = 1 }), ("end_mask", new() { I = 1 })),
        ]);
        FunctionDef Function(string name, NodeDef[] nodes, params (string Name, string Value)[] results)
        {
            var function = new FunctionDef { Signature = new() { Name = name } };
            function.Signature.InputArg.AddRange(state.Select(s => new OpDef.Types.ArgDef { Name = s }));
            function.Signature.OutputArg.AddRange(results.Select(r => new OpDef.Types.ArgDef { Name = r.Name }));
            foreach (var (result, value) in results)
                function.Ret.Add(result, value);
            function.NodeDef.AddRange(nodes);
            return function;
        }
        graph.Library.Function.Add(Function("cond", [Scalar("limit", time), Node("less", "Less", ["counter", "limit:output:0"]), Node("goes", "LogicalAnd", ["less:z:0", "less:z:0"])], ("goes_on", "goes:z:0")));
        graph.Library.Function.Add(Function(
            "body",
            [
                Ints("shape", [-1, features]), Node("item", "TensorListGetItem", ["sequence", "counter", "shape:output:0"]), Node("product", "MatMul", ["item:item:0", "kernel"]), Node("back", "MatMul", ["state", "recurrent"]),
                Node("sum", "AddV2", ["product:product:0", "back:product:0"]), Node("biased", "BiasAdd", ["sum:z:0", "bias"]), Node("next", "Tanh", ["biased:output:0"]),
                Node("set", "TensorListSetItem", ["list", "counter", "next:y:0"]), Scalar("increment", 1), Node("count", "AddV2", ["counter", "increment:output:0"]),
            ],
            ("counter_out", "count:z:0"), ("list_out", "set:output_handle:0"), ("state_out", "next:y:0"), ("sequence_out", "sequence"), ("kernel_out", "kernel"), ("recurrent_out", "recurrent"), ("bias_out", "bias")));
        return graph;
    }

    /// <summary>
    /// TensorFlow 1's way to train and use one graph: both sides of a condition, of which the learning phase says which is taken. The
    /// other has operators that are not known here, one of which nothing else keeps from being computed.
    /// </summary>
    [Fact]
    public void Branches_OfAKnownLearningPhase_AreTheOneThatIsTaken()
    {
        var x = _test.Random(1, 2, 3);
        ChannelsLastMath.AssertClose(Tensor.Of(Array.ConvertAll(x.Floats, v => -v), x.Shape), KerasFileTests.Run(Import(Branches(x)), x));
    }

    [Fact]
    public void MutatedBranches_TwoThousandTimes_AlwaysGiveAGraphOrARefusal()
    {
        foreach (var bytes in Mutations.Of(Bytes(Branches(_test.Random(1, 2, 3))), 2_000))
            DamagedFile.LoadOrRefuse("bad.pb", bytes);
    }

    private static NodeDef[] Branches(Tensor x)
    {
        var no = new NodeDef { Name = "no", Op = "Const" };
        var value = new TensorProto { Dtype = (int)TfType.Bool, TensorShape = BundleWriter.Shape([]) };
        value.BoolVal.Add(false);
        no.Attr.Add("value", new() { Tensor = value });
        return
        [
            Placeholder("x", x.Shape), no, Node("keras_learning_phase", "PlaceholderWithDefault", ["no"]), Node("phase", "Identity", ["keras_learning_phase"]),
            Node("cond/Switch", "Switch", ["phase", "phase"]), Node("cond/switch_t", "Identity", ["cond/Switch:1"]), Node("cond/switch_f", "Identity", ["cond/Switch"]),
            Node("cond/in", "Switch", ["x", "phase"]), Ints("cond/shape", [3]), Node("cond/random", "RandomStandardNormal", ["cond/shape", "^cond/switch_t"]),
            Node("cond/noisy", "AddV2", ["cond/in:1", "cond/random"]), Node("cond/parts", "Unpack", ["cond/noisy"]), Node("cond/part", "Neg", ["cond/parts:1"]),
            Node("cond/out", "Switch", ["x", "phase"]), Node("cond/plain", "Neg", ["cond/out", "^cond/switch_f"]),
            Node("merged", "Merge", ["cond/plain", "cond/part"]), Node("which", "Cast", ["merged:1"], ("DstT", new() { Type = (int)TfType.Float })), Node("y", "AddV2", ["merged", "which"]),
        ];
    }

    /// <summary>x / keep * floor(keep + uniform), the uniform numbers stretched from 0 to 1.</summary>
    [Fact]
    public void Dropout_ThatKeepsEverything_IsNone()
    {
        var x = _test.Random(1, 2, 3);
        NodeDef[] Nodes(float keep) =>
        [
            Placeholder("x", x.Shape), Constant("keep", Tensor.Of([keep], [])), Constant("one", Tensor.Of([1f], [])), Constant("zero", Tensor.Of([0f], [])), Node("shape", "Shape", ["x"]),
            Node("uniform", "RandomUniform", ["shape"]), Node("stretched", "Mul", ["uniform", "one"]), Node("moved", "Add", ["stretched", "zero"]),
            Node("sum", "Add", ["keep", "moved"]), Node("kept", "Floor", ["sum"]), Node("larger", "RealDiv", ["x", "keep"]), Node("y", "Mul", ["larger", "kept"]),
        ];
        ChannelsLastMath.AssertClose(x, KerasFileTests.Run(Import(Nodes(1)), x));
        Assert.Contains("node 'uniform' (RandomUniform): is random", Refused(Nodes(0.5f)));
    }
}
