using EdgeAgent.Graph.Export.TfLite;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Import.TfLite;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Tests.Graph.Keras;

namespace EdgeAgent.Tests.Graph.TfLite;

/// <summary>Files of several subgraphs, as TensorFlow's converter writes them of Keras's recurrent layers and of models with resource variables.</summary>
public class ControlFlowTests
{
    private const int Features = 3, Units = 4;

    private readonly TestGraph _random = new(9);

    /// <summary>
    /// A GRU as the converter writes it: a loop whose body reads a step's input from a list and puts its state into another, in older files
    /// by joining what is before and behind, which is nothing at the first and last step. Any batch can be given to it.
    /// </summary>
    [Theory]
    [InlineData(1, false, false)]
    [InlineData(5, false, false)]
    [InlineData(5, false, true)]
    [InlineData(1, true, false)]
    [InlineData(5, true, false)]
    [InlineData(5, true, true)]
    public void GruOfALoop_IsWrittenOutStepByStep(int steps, bool updates, bool wholeSequence)
    {
        var cell = new Cell(_random);
        var graph = Load(GruFile(cell, steps, updates, wholeSequence));
        var x = _random.Random(1, 2, steps, Features);
        Assert.Equal([-1, steps, Features], graph.Inputs[0].Shape);

        var states = new List<float[]>[2];
        for (var n = 0; n < 2; n++)
        {
            states[n] = [];
            var state = new float[Units];
            for (var t = 0; t < steps; t++)
                states[n].Add(state = cell.Next(x.Floats.AsSpan((n * steps + t) * Features, Features), state));
        }
        var expected = wholeSequence
            ? Tensor.Of([.. states.SelectMany(s => s.SelectMany(v => v))], 2, steps, Units)
            : Tensor.Of([.. states.SelectMany(s => s[^1])], 2, Units);
        ChannelsLastMath.AssertClose(expected, KerasFileTests.Run(graph, x));
        // The list of zeros that the loop fills is gone, and weights are there once; at the first step the state is zero, and their product known.
        Assert.DoesNotContain(graph.Constants.Values, c => c.Shape is [> 1, 1, Units]);
        Assert.Equal(steps > 1 ? 1 : 0, graph.Constants.Values.Count(c => c.Count == 3 * Units * Units));
    }

    [Fact]
    public void Loop_WhoseEndIsComputedFromData_IsRefused()
    {
        var file = new TfLiteFileBuilder();
        var (x, y) = (file.Value("x", ElementType.Float32, [1, 2], null), file.Value("y", ElementType.Float32, [1, 2], null));
        var small = file.Subgraph(called =>
        {
            var (own, sum, less) = (called.Value("x", ElementType.Float32, [1, 2], null), called.Value("sum", ElementType.Float32, [], null), called.Value("less", ElementType.Bool, [], null));
            called.Operator("SUM", [own, called.Constant("axes", Tensor.Of([0, 1], 2))], [sum], new(TfLiteTable.Reducer));
            called.Operator("LESS", [sum, called.Constant("limit", Tensor.Of([9f], []))], [less]);
            return ([own], [less]);
        });
        file.Operator("WHILE", [x], [y], While(small, Doubled(file)));
        Assert.Contains("how often it is repeated is computed from data", Refusal(file, x, y));
    }

    [Fact]
    public void Loop_WithoutAnEnd_IsRefused()
    {
        var file = new TfLiteFileBuilder();
        var (x, y) = (file.Value("x", ElementType.Float32, [1, 2], null), file.Value("y", ElementType.Float32, [1, 2], null));
        file.Operator("WHILE", [x], [y], While(Always(file, true), Doubled(file)));
        Assert.Contains("more than 2048 times", Refusal(file, x, y));
    }

    [Fact]
    public void Loop_OfNoStep_PassesItsValuesOn()
    {
        var file = new TfLiteFileBuilder();
        var (x, y) = (file.Value("x", ElementType.Float32, [1, 2], null), file.Value("y", ElementType.Float32, [1, 2], null));
        file.Operator("WHILE", [x], [y], While(Always(file, false), Doubled(file)));
        Assert.Equal([3f, -2], KerasFileTests.Run(Load(file, x, y), Tensor.Of([3f, -2], 1, 2)).Floats);
    }

    [Fact]
    public void LoopsInLoops_AreRefusedWhenTheyAreTooMany()
    {
        var file = new TfLiteFileBuilder();
        var condition = file.Subgraph(called =>
        {
            var (counter, x, less) = (called.Value("counter", ElementType.Int32, [], null), called.Value("x", ElementType.Float32, [1, 2], null), called.Value("less", ElementType.Bool, [], null));
            called.Operator("LESS", [counter, called.Constant("limit", Tensor.Of([1000], []))], [less]);
            return ([counter, x], [less]);
        });
        int Body(Action<TfLiteFileBuilder, int, int> compute) => file.Subgraph(called =>
        {
            var (counter, x, next, y) = (called.Value("counter", ElementType.Int32, [], null), called.Value("x", ElementType.Float32, [1, 2], null), called.Value("next", ElementType.Int32, [], null), called.Value("y", ElementType.Float32, [1, 2], null));
            called.Operator("ADD", [counter, called.Constant("one", Tensor.Of([1], []))], [next], new(TfLiteTable.Add));
            compute(called, x, y);
            return ([counter, x], [next, y]);
        });
        void Loop(TfLiteFileBuilder called, int body, int x, int y) =>
            called.Operator("WHILE", [called.Constant("begin", Tensor.Of([0], [])), x], [called.Value("end", ElementType.Int32, [], null), y], While(condition, body));

        var inner = Body((called, x, y) => called.Operator("NEG", [x], [y]));
        var outer = Body((called, x, y) => Loop(called, inner, x, y));
        var (input, output) = (file.Value("x", ElementType.Float32, [1, 2], null), file.Value("y", ElementType.Float32, [1, 2], null));
        Loop(file, outer, input, output);
        Assert.Contains("one of more than 65536 operators with all loops written out", Refusal(file, input, output));
    }

    [Fact]
    public void SubgraphThatCallsItself_IsRefused()
    {
        var file = new TfLiteFileBuilder();
        var (x, y) = (file.Value("x", ElementType.Float32, [1, 2], null), file.Value("y", ElementType.Float32, [1, 2], null));
        file.Subgraph(called =>
        {
            var (own, result) = (called.Value("x", ElementType.Float32, [1, 2], null), called.Value("y", ElementType.Float32, [1, 2], null));
            called.Operator("CALL", [own], [result], new((TfLiteTable)16, (0, 1)));
            return ([own], [result]);
        });
        file.Operator("CALL", [x], [y], new((TfLiteTable)16, (0, 1)));
        Assert.Contains("subgraph 1, operator 0 'y' (CALL): is a call inside 16 others", Refusal(file, x, y));
    }

    [Theory]
    [InlineData(true, 6f)]
    [InlineData(false, 9f)]
    public void Branch_IsTheOneThatAConstantChooses(bool condition, float expected)
    {
        var file = new TfLiteFileBuilder();
        var (x, y) = (file.Value("x", ElementType.Float32, [1, 1], null), file.Value("y", ElementType.Float32, [1, 1], null));
        var (doubled, squared) = (Doubled(file), file.Subgraph(called =>
        {
            var (own, result) = (called.Value("x", ElementType.Float32, [1, 1], null), called.Value("y", ElementType.Float32, [1, 1], null));
            called.Operator("MUL", [own, own], [result], new(TfLiteTable.Mul));
            return ([own], [result]);
        }));
        file.Operator("IF", [file.Constant("condition", Tensor.Of([condition], [])), x], [y], new((TfLiteTable)92, (0, doubled), (1, squared)));
        Assert.Equal([expected], KerasFileTests.Run(Load(file, x, y), Tensor.Of([3f], 1, 1)).Floats);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Variable_IsAConstantIfItIsSetWhenTheModelIsLoaded(bool changes)
    {
        var file = new TfLiteFileBuilder();
        TfLiteOptions name = new((TfLiteTable)111);
        var (x, y) = (file.Value("x", ElementType.Float32, [1, 2], null), file.Value("y", ElementType.Float32, [1, 2], null));
        var load = file.Subgraph(called =>
        {
            var handle = called.Value("handle", ElementType.Int32, [], null);
            called.Operator("VAR_HANDLE", [], [handle], name);
            called.Operator("ASSIGN_VARIABLE", [handle, called.Constant("weights", Tensor.Of([10f, 100], 1, 2))], []);
            return ([], []);
        });
        var (own, read) = (file.Value("handle", ElementType.Int32, [], null), file.Value("read", ElementType.Float32, [1, 2], null));
        file.Operator("CALL_ONCE", [], [], new((TfLiteTable)103, (0, load)));
        file.Operator("VAR_HANDLE", [], [own], name);
        file.Operator("READ_VARIABLE", [own], [read]);
        file.Operator("ADD", [x, read], [y], new(TfLiteTable.Add));
        if (changes)
            file.Operator("ASSIGN_VARIABLE", [own, y], []);
        if (changes)
            Assert.Contains("keeps state from one inference to the next", Refusal(file, x, y));
        else
            Assert.Equal([11f, 102], KerasFileTests.Run(Load(file, x, y), Tensor.Of([1f, 2], 1, 2)).Floats);
    }

    /// <summary>Damaged counts, indices and calls among the subgraphs.</summary>
    [Fact]
    public void MutatedFile_AlwaysGivesAGraphOrARefusal()
    {
        var (file, x, y) = GruFile(new Cell(_random), steps: 4, updates: false, wholeSequence: true);
        foreach (var bytes in Mutations.Of(file.ToBytes("test", [x], [y], new Dictionary<string, string>()), 3000))
            DamagedFile.LoadOrRefuse("model.tflite", bytes);
    }

    /// <summary>What a loop has put together is read by its shape, again as it is, in part, and by index.</summary>
    [Fact]
    public void List_ReadInSeveralWays_IsTheSame()
    {
        var file = new TfLiteFileBuilder();
        int Value(string name, params int[] shape) => file.Value(name, ElementType.Float32, shape, null);
        var copied = file.Subgraph(called =>
        {
            var (own, result) = (called.Value("x", ElementType.Float32, [1, 2], null), called.Value("y", ElementType.Float32, [3, 2], null));
            var negated = called.Value("z", ElementType.Float32, [1, 2], null);
            called.Operator("NEG", [own], [negated]);
            called.Operator("CONCATENATION", [own, negated, own], [result], new(TfLiteTable.Concatenation, (0, 0)));
            return ([own], [result]);
        });
        var (x, list, shaped, turned, part, only, second, sum, y) = (Value("x", 1, 2), Value("list", 3, 2), Value("shaped", 3, 2), Value("turned", 3, 2), Value("part", 2, 2), Value("only", 1, 2), Value("second", 2), Value("sum", 3, 2), Value("y", 3, 2));
        file.Operator("CALL", [x], [list], new((TfLiteTable)16, (0, copied)));
        file.Operator("RESHAPE", [list, file.Constant("shape", Tensor.Of([3, 2], 2))], [shaped], new(TfLiteTable.Reshape));
        file.Operator("NEG", [list], [turned]);
        file.Operator("SLICE", [list, file.Constant("from", Tensor.Of([1, 0], 2)), file.Constant("size", Tensor.Of([-1, -1], 2))], [part]);
        file.Operator("SLICE", [part, file.Constant("from2", Tensor.Of([0, 0], 2)), file.Constant("size2", Tensor.Of([1, 2], 2))], [only]);
        file.Operator("GATHER", [list, file.Constant("index", Tensor.Of([1], []))], [second], new(TfLiteTable.Gather));
        file.Operator("ADD", [only, second], [sum], new(TfLiteTable.Add));
        file.Operator("SUB", [turned, sum], [y], new(TfLiteTable.Sub));
        // [x, -x, x] turned is [-x, x, -x]; less twice -x, that is [x, 3 x, x].
        Assert.Equal([5f, 7, 15, 21, 5, 7], KerasFileTests.Run(Load(file, x, y), Tensor.Of([5f, 7], 1, 2)).Floats);
        Assert.Equal([5f, 7, -5, -7, 5, 7], KerasFileTests.Run(Load(file, x, list), Tensor.Of([5f, 7], 1, 2)).Floats);
        Assert.Equal([5f, 7, -5, -7, 5, 7], KerasFileTests.Run(Load(file, x, shaped), Tensor.Of([5f, 7], 1, 2)).Floats);
    }

    [Fact]
    public void List_OfNumbers_IsCutAndJoined()
    {
        var file = new TfLiteFileBuilder();
        Doubled(file);
        var (x, front, back, y) = (file.Value("x", ElementType.Float32, [4], null), file.Value("front", ElementType.Float32, [1], null), file.Value("back", ElementType.Float32, [3], null), file.Value("y", ElementType.Float32, [4], null));
        file.Operator("SLICE", [x, file.Constant("zero", Tensor.Of([0], 1)), file.Constant("one", Tensor.Of([1], 1))], [front]);
        file.Operator("SLICE", [x, file.Constant("first", Tensor.Of([1], 1)), file.Constant("rest", Tensor.Of([-1], 1))], [back]);
        file.Operator("CONCATENATION", [back, front], [y], new(TfLiteTable.Concatenation, (0, 0)));
        Assert.Equal([2f, 3, 4, 1], KerasFileTests.Run(Load(file, x, y), Tensor.Of([1f, 2, 3, 4], 4)).Floats);
    }

    [Fact]
    public void EmptyList_ThatIsRead_IsRefused()
    {
        var file = new TfLiteFileBuilder();
        Doubled(file);
        var (x, nothing, y) = (file.Value("x", ElementType.Float32, [4, 2], null), file.Value("nothing", ElementType.Float32, [0, 2], null), file.Value("y", ElementType.Float32, [0, 2], null));
        file.Operator("SLICE", [x, file.Constant("begin", Tensor.Of([4, 0], 2)), file.Constant("rest", Tensor.Of([-1, -1], 2))], [nothing]);
        file.Operator("NEG", [nothing], [y]);
        Assert.Contains("reads an empty tensor", Refusal(file, x, y));
    }

    /// <summary>A list that is joined with itself again and again: each time twice as many parts.</summary>
    [Fact]
    public void List_ThatGrowsWithoutBound_IsRefused()
    {
        var file = new TfLiteFileBuilder();
        Doubled(file);
        var x = file.Value("x", ElementType.Float32, [2, 2], null);
        var list = x;
        for (var i = 0; i < 30; i++)
        {
            var joined = file.Value($"joined{i}", ElementType.Float32, [-1, 2], null);
            file.Operator("CONCATENATION", [list, list], [joined], new(TfLiteTable.Concatenation, (0, 0)));
            list = joined;
        }
        Assert.Contains("too large", Refusal(file, x, list));
    }

    /// <summary>Integers go in and come out of a called subgraph in the quantization that both say.</summary>
    [Fact]
    public void Call_OfQuantizedValues_KeepsThem()
    {
        var file = new TfLiteFileBuilder();
        TfLiteQuantization half = new([0.5f], [3], 0), whole = new([1f], [-2], 0);
        var called = file.Subgraph(content =>
        {
            var (own, result) = (content.Value("x", ElementType.Int8, [1, 2], half), content.Value("y", ElementType.Int8, [1, 2], whole));
            content.Operator("ADD", [own, own], [result], new(TfLiteTable.Add));
            return ([own], [result]);
        });
        // Numbers of tensors here that there are none of in the subgraph.
        for (var i = 0; i < 5; i++)
            file.Constant($"unused{i}", Tensor.Of([1f], []));
        var (x, small, result, y) = (file.Value("x", ElementType.Float32, [1, 2], null), file.Value("small", ElementType.Int8, [1, 2], half), file.Value("result", ElementType.Int8, [1, 2], whole), file.Value("y", ElementType.Float32, [1, 2], null));
        file.Operator("QUANTIZE", [x], [small]);
        file.Operator("CALL", [small], [result], new((TfLiteTable)16, (0, called)));
        file.Operator("DEQUANTIZE", [result], [y]);
        // In halves 1.5 and -3, twice that as whole numbers.
        Assert.Equal([3f, -6], KerasFileTests.Run(Load(file, x, y), Tensor.Of([1.4f, -3.2f], 1, 2)).Floats);
    }

    /// <summary>Weights of a GRU with the gates z, r, h, the reset behind the product.</summary>
    private sealed class Cell(TestGraph random)
    {
        public Tensor Kernel { get; } = random.Random(1, 3 * Units, Features);

        public Tensor Recurrent { get; } = random.Random(1, 3 * Units, Units);

        public Tensor Bias { get; } = random.Random(1, 3 * Units);

        public Tensor RecurrentBias { get; } = random.Random(1, 3 * Units);

        public float[] Next(ReadOnlySpan<float> input, float[] state)
        {
            var (x, h) = (Product(Kernel, Bias, input), Product(Recurrent, RecurrentBias, state));
            return [.. Enumerable.Range(0, Units).Select(u =>
            {
                var (z, r) = (Sigmoid(x[u] + h[u]), Sigmoid(x[Units + u] + h[Units + u]));
                return (float)(z * state[u] + (1 - z) * Math.Tanh(x[2 * Units + u] + r * h[2 * Units + u]));
            })];
        }

        private static double[] Product(Tensor weights, Tensor bias, ReadOnlySpan<float> x)
        {
            var result = Array.ConvertAll(bias.Floats, b => (double)b);
            for (var row = 0; row < result.Length; row++)
                for (var i = 0; i < x.Length; i++)
                    result[row] += (double)weights.Floats[row * x.Length + i] * x[i];
            return result;
        }

        private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
    }

    private static (TfLiteFileBuilder File, int X, int Y) GruFile(Cell cell, int steps, bool updates, bool wholeSequence)
    {
        var file = new TfLiteFileBuilder();
        var condition = file.Subgraph(called =>
        {
            var (own, first, second, both) = (Carried(called, steps), called.Value("first", ElementType.Bool, [], null), called.Value("second", ElementType.Bool, [], null), called.Value("both", ElementType.Bool, [], null));
            var limit = called.Constant("limit", Tensor.Of([steps], []));
            called.Operator("LESS", [own[0], limit], [first]);
            called.Operator("LESS", [own[1], limit], [second]);
            called.Operator("LOGICAL_AND", [first, second], [both]);
            return (own, [both]);
        });
        var body = file.Subgraph(called => Body(called, cell, steps, updates));

        var x = file.Value("x", ElementType.Float32, [1, steps, Features], null);
        var (turned, list, state) = (file.Value("turned", ElementType.Float32, [steps, 1, Features], null), file.Value("list", ElementType.Float32, [steps, 1, Units], null), file.Value("state", ElementType.Float32, [1, Units], null));
        var (zero, number) = (file.Constant("zero", Tensor.Of([0f], [])), file.Constant("begin", Tensor.Of([0], [])));
        file.Operator("TRANSPOSE", [x, file.Constant("axes", Tensor.Of([1, 0, 2], 3))], [turned]);
        file.Operator("FILL", [file.Constant("list_shape", Tensor.Of([steps, 1, Units], 3)), zero], [list]);
        file.Operator("FILL", [file.Constant("state_shape", Tensor.Of([1, Units], 2)), zero], [state]);
        var results = Carried(file, steps);
        file.Operator("WHILE", [number, number, list, state, turned], results, While(condition, body));
        if (!wholeSequence)
            return (file, x, results[3]);
        var (stacked, sequence) = (file.Value("stacked", ElementType.Float32, [steps, 1, Units], null), file.Value("sequence", ElementType.Float32, [1, steps, Units], null));
        file.Operator("RESHAPE", [results[2], file.Constant("stacked_shape", Tensor.Of([steps, 1, Units], 3))], [stacked], new(TfLiteTable.Reshape));
        file.Operator("TRANSPOSE", [stacked, file.Constant("axes_back", Tensor.Of([1, 0, 2], 3))], [sequence]);
        return (file, x, sequence);
    }

    /// <summary>What a step hands to the next: two counters, the states so far, the last state, and the inputs.</summary>
    private static int[] Carried(TfLiteFileBuilder file, int steps) =>
    [
        file.Value("counter", ElementType.Int32, [], null), file.Value("time", ElementType.Int32, [], null), file.Value("states", ElementType.Float32, [steps, 1, Units], null),
        file.Value("last", ElementType.Float32, [1, Units], null), file.Value("inputs", ElementType.Float32, [steps, 1, Features], null),
    ];

    private static (int[] Inputs, int[] Outputs) Body(TfLiteFileBuilder file, Cell cell, int steps, bool updates)
    {
        var own = Carried(file, steps);
        var (time, list, state, inputs) = (own[1], own[2], own[3], own[4]);
        var made = 0;
        int Value(ElementType type, params int[] shape) => file.Value($"value{made++}", type, shape, null);
        int Floats(string op, int[] operands, TfLiteOptions? options, params int[] shape)
        {
            var value = Value(ElementType.Float32, shape);
            file.Operator(op, operands, [value], options);
            return value;
        }
        int Gate(string op, params int[] operands) => Floats(op, operands, op switch { "ADD" => new(TfLiteTable.Add), "MUL" => new(TfLiteTable.Mul), "SUB" => new(TfLiteTable.Sub), _ => null }, 1, Units);
        int[] Split(int x)
        {
            int[] parts = [Value(ElementType.Float32, 1, Units), Value(ElementType.Float32, 1, Units), Value(ElementType.Float32, 1, Units)];
            file.Operator("SPLIT", [file.Constant($"axis{made}", Tensor.Of([1], [])), x], parts, new((TfLiteTable)35, (0, 3)));
            return parts;
        }
        int Next(int counter)
        {
            var next = Value(ElementType.Int32);
            file.Operator("ADD", [counter, file.Constant($"one{made}", Tensor.Of([1], []))], [next], new(TfLiteTable.Add));
            return next;
        }
        int Packed(params int[] numbers)
        {
            var packed = Value(ElementType.Int32, 3);
            file.Operator("PACK", numbers, [packed], new((TfLiteTable)59, (0, 3)));
            return packed;
        }

        var step = Floats("GATHER", [inputs, time], new(TfLiteTable.Gather), 1, Features);
        var x = Split(Floats("FULLY_CONNECTED", [step, file.Constant("kernel", cell.Kernel), file.Constant("bias", cell.Bias)], new(TfLiteTable.FullyConnected), 1, 3 * Units));
        var h = Split(Floats("FULLY_CONNECTED", [state, file.Constant("recurrent", cell.Recurrent), file.Constant("recurrent_bias", cell.RecurrentBias)], new(TfLiteTable.FullyConnected), 1, 3 * Units));
        var (z, r) = (Gate("LOGISTIC", Gate("ADD", x[0], h[0])), Gate("LOGISTIC", Gate("ADD", x[1], h[1])));
        var candidate = Gate("TANH", Gate("ADD", x[2], Gate("MUL", r, h[2])));
        var next = Gate("ADD", Gate("MUL", z, state), Gate("MUL", Gate("SUB", file.Constant("whole", Tensor.Of([1f], [])), z), candidate));
        var element = Floats("EXPAND_DIMS", [next, file.Constant("front", Tensor.Of([0], []))], null, 1, 1, Units);
        var (zero, all) = (file.Constant("zero", Tensor.Of([0], [])), file.Constant("all", Tensor.Of([-1], [])));
        var after = Next(time);
        int states;
        if (updates)
            states = Floats("DYNAMIC_UPDATE_SLICE", [list, element, Packed(time, zero, zero)], null, steps, 1, Units);
        else
        {
            var before = Floats("SLICE", [list, file.Constant("begin", Tensor.Of([0, 0, 0], 3)), Packed(time, all, all)], null, -1, 1, Units);
            var behind = Floats("SLICE", [list, Packed(after, zero, zero), file.Constant("rest", Tensor.Of([-1, -1, -1], 3))], null, -1, 1, Units);
            states = Floats("CONCATENATION", [before, element, behind], new(TfLiteTable.Concatenation, (0, 0)), steps, 1, Units);
        }
        return (own, [Next(own[0]), after, states, next, inputs]);
    }

    private static TfLiteOptions While(int condition, int body) => new((TfLiteTable)93, (0, condition), (1, body));

    /// <summary>x + x.</summary>
    private static int Doubled(TfLiteFileBuilder file) => file.Subgraph(called =>
    {
        var (own, result) = (called.Value("x", ElementType.Float32, [1, 2], null), called.Value("y", ElementType.Float32, [1, 2], null));
        called.Operator("ADD", [own, own], [result], new(TfLiteTable.Add));
        return ([own], [result]);
    });

    private static int Always(TfLiteFileBuilder file, bool answer) => file.Subgraph(called =>
        ([called.Value("x", ElementType.Float32, [1, 2], null)], [called.Constant("answer", Tensor.Of([answer], []))]));

    private static GraphSpec Load((TfLiteFileBuilder File, int X, int Y) model) => Load(model.File, model.X, model.Y);

    private static GraphSpec Load(TfLiteFileBuilder file, int x, int y)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.tflite"), file.ToBytes("test", [x], [y], new Dictionary<string, string>()));
        return ModelImporter.Load(folder.File("model.tflite"));
    }

    private static string Refusal(TfLiteFileBuilder file, int x, int y) =>
        DamagedFile.LoadOrRefuse("model.tflite", file.ToBytes("test", [x], [y], new Dictionary<string, string>())) ?? throw new InvalidOperationException("the model was read");
}
