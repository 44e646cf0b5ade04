using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph;

/// <summary>Small graphs: one for every operator, and whole networks of the usual kinds.</summary>
internal static class OperatorGraphs
{
    public static readonly IReadOnlyDictionary<string, Func<GraphSpec>> All = new Dictionary<string, Func<GraphSpec>>
    {
        ["Conv"] = () => Graph(t => t.Conv(t.Input(3, 9, 11), 3, 10)),
        ["Conv of many channels"] = () => Graph(t => t.Conv(t.Input(40, 6, 6), 40, 70)),
        ["Conv without bias, stride 2"] = () => Graph(t => t.Conv(t.Input(5, 9, 11), 5, 7, stride: 2, bias: false)),
        ["Conv grouped"] = () => Graph(t => t.Conv(t.Input(6, 8, 8), 6, 9, groups: 3)),
        ["Conv depthwise"] = () => Graph(t => t.Conv(t.Input(6, 17, 20), 6, 6, groups: 6)),
        ["Conv depthwise, multiplier and stride 2"] = () => Graph(t => t.Conv(t.Input(6, 9, 9), 6, 12, stride: 2, groups: 6)),
        ["Conv of points"] = () => Graph(t => t.Conv(t.Input(12, 7, 5), 12, 20, kernel: 1)),
        ["Conv 1-D"] = () => Graph(t => t.Node(new Conv(new([5], [2], [1, 3], [2]), 2), t.Input(4, 30), t.Weights(1, 6, 2, 5), t.Weights(1, 6))),
        ["ConvTranspose"] = () => Graph(t => t.Node(new ConvTranspose(new([3, 4], [2, 3], [0, 1, 2, 1], [1, 1]), 1, [1, 0]), t.Input(5, 6, 7), t.Weights(1, 5, 4, 3, 4), t.Weights(1, 4))),
        ["ConvTranspose, grouped and dilated"] = () => Graph(t => t.Node(new ConvTranspose(new([3, 2], [1, 1], [0, 0, 0, 0], [2, 3]), 2, [0, 0]), t.Input(6, 5, 4), t.Weights(1, 6, 5, 3, 2))),
        ["ConvTranspose 1-D"] = () => Graph(t => t.Node(new ConvTranspose(new([4], [2], [1, 1], [1]), 1, [0]), t.Input(3, 9), t.Weights(1, 3, 6, 4), t.Weights(1, 6))),
        ["Gemm"] = () => Graph(t => t.Dense(t.Input(20), 20, 7)),
        ["Gemm scaled"] = () => Graph(t => t.Node(new Gemm(0.5f, 2, false, false), t.Input(20), t.Weights(1, 20, 5), t.Weights(1, 1))),
        ["Gemm transposed"] = () => Graph(t => t.Node(new Gemm(1, 1, true, true), t.Node(new Transpose([1, 0]), t.Input(6)), t.Weights(1, 5, 6))),
        ["MatMul"] = () => Graph(t => t.Node(new MatMul(), t.Input(4, 9), t.Weights(1, 9, 5))),
        ["MatMul of two values"] = () => Graph(t => t.Node(new MatMul(), t.Input(2, 4, 9), t.Input(2, 9, 5))),
        ["BatchNormalization"] = () => Graph(t => t.BatchNorm(t.Input(5, 4, 4), 5)),
        ["Relu"] = () => Graph(t => t.Node(new Relu(), t.Input(40))),
        ["Clip"] = () => Graph(t => t.Node(new Clip(0, 6), t.Node(new Clip(-1, float.MaxValue), t.Input(40)))),
        ["LeakyRelu"] = () => Graph(t => t.Node(new LeakyRelu(0.2f), t.Input(40))),
        ["Sigmoid"] = () => Graph(t => t.Node(new Sigmoid(), t.Input(40))),
        ["HardSigmoid"] = () => Graph(t => t.Node(new HardSigmoid(1 / 6f, 0.5f), t.Input(40))),
        ["HardSwish"] = () => Graph(t => t.Node(new HardSwish(), t.Input(40))),
        ["Tanh"] = () => Graph(t => t.Node(new Tanh(), t.Input(40))),
        ["Add, Sub, Mul, Div by channel"] = () => Graph(t =>
        {
            var x = t.Node(new Add(), t.Input(3, 5, 5), t.Weights(1, 3, 1, 1));
            x = t.Node(new Sub(), t.Weights(1, 1), x);
            x = t.Node(new Mul(), x, t.Weights(1, 1, 3, 1, 1));
            return t.Node(new Div(), x, t.Constant(Tensor.Of([2f, 3, 4, 5, 6], 5)));
        }),
        ["Mul with the batch second"] = () => Graph(t => t.Node(new Mul(), t.Node(new Transpose([1, 0, 2]), t.Input(4, 3)), t.Constant(Tensor.Of([0.5f])))),
        ["Concat"] = () => Graph(t =>
        {
            var x = t.Input(3, 4, 4);
            return t.Node(new Concat(1), x, t.Node(new Relu(), x), t.Input(2, 4, 4));
        }),
        ["MaxPool"] = () => Graph(t => t.Node(new MaxPool(Window.Of(3, 2, 1), false), t.Input(3, 9, 9))),
        ["MaxPool with ceil, dilated"] = () => Graph(t => t.Node(new MaxPool(new([2, 3], [2, 2], [1, 0, 0, 1], [2, 1]), true), t.Input(3, 10, 9))),
        ["MaxPool 1-D"] = () => Graph(t => t.Node(new MaxPool(new([3], [2], [0, 1], [1]), false), t.Input(3, 12))),
        ["AveragePool"] = () => Graph(t => t.Node(new AveragePool(Window.Of(3, 2, 1), false, false), t.Input(3, 9, 9))),
        ["AveragePool of even size, padding left out"] = () => Graph(t => t.Node(new AveragePool(new([3, 2], [2, 1], [1, 1, 1, 0], [1, 1]), false, false), t.Input(3, 8, 6))),
        ["AveragePool with ceil"] = () => Graph(t => t.Node(new AveragePool(Window.Of(3, 2, 0), true, false), t.Input(3, 8, 10))),
        ["AveragePool with padding counted"] = () => Graph(t => t.Node(new AveragePool(Window.Of(3, 2, 1), false, true), t.Input(3, 9, 9))),
        ["GlobalAveragePool"] = () => Graph(t => t.Node(new GlobalAveragePool(), t.Input(3, 7, 9))),
        ["GlobalMaxPool"] = () => Graph(t => t.Node(new GlobalMaxPool(), t.Input(3, 7, 9))),
        ["ReduceMean"] = () => Graph(t => t.Node(new ReduceMean([2, 3], true), t.Input(3, 7, 9))),
        ["ReduceMean without axes kept"] = () => Graph(t => t.Node(new ReduceMean([1, -1], false), t.Input(3, 7, 9))),
        ["Flatten"] = () => Graph(t => t.Node(new Flatten(1), t.Input(3, 7, 9))),
        ["Reshape"] = () => Graph(t => t.Node(new Reshape([0, 9, -1]), t.Input(3, 6))),
        ["Transpose"] = () => Graph(t => t.Node(new Transpose([0, 2, 3, 1]), t.Input(3, 7, 9))),
        ["Pad"] = () => Graph(t => t.Node(new Pad([0, 0, 1, 2, 0, 1, 0, 3], 0.5f), t.Input(3, 7, 9))),
        ["Softmax"] = () => Graph(t => t.Node(new Softmax(-1), t.Input(10))),
        ["Softmax over channels"] = () => Graph(t => t.Node(new Softmax(1), t.Input(5, 4, 4))),
        ["Identity"] = () => Graph(t => t.Node(new Identity(), t.Node(new Identity(), t.Input(5)))),
        ["QuantizeLinear, DequantizeLinear"] = () => Graph(t =>
        {
            var (scale, zero) = (t.Constant(Tensor.Of([0.013f])), t.Constant(Tensor.Of([(byte)117])));
            return t.Node(new DequantizeLinear(1), t.Node(new QuantizeLinear(1), t.Input(50), scale, zero), scale, zero);
        }),
        ["QuantizeLinear, DequantizeLinear by channel"] = () => Graph(t =>
        {
            var (scale, zero) = (t.Constant(Tensor.Of([0.01f, 0.02f, 0.03f], 3)), t.Constant(Tensor.Of([(sbyte)3, (sbyte)-5, (sbyte)0], 3)));
            return t.Node(new DequantizeLinear(1), t.Node(new QuantizeLinear(1), t.Input(3, 5, 5), scale, zero), scale, zero);
        }),
        ["Abs, Neg, Sign"] = () => Graph(t => t.Node(new Add(), t.Node(new Abs(), t.Input(40)), t.Node(new Neg(), t.Node(new Sign(), "x0")))),
        ["Ceil, Floor, Round"] = () => Graph(t => t.Node(new Add(), t.Node(new Ceil(), t.Input(40)), t.Node(new Mul(), t.Node(new Floor(), "x0"), t.Node(new Round(), "x0")))),
        ["Sin, Cos"] = () => Graph(t => t.Node(new Sub(), t.Node(new Sin(), t.Input(40)), t.Node(new Cos(), "x0"))),
        ["Exp, Log, Sqrt, Reciprocal"] = () => Graph(t => t.Node(new Reciprocal(), t.Node(new Sqrt(), t.Node(new Log(), t.Node(new Add(), t.Node(new Exp(), t.Input(40)), t.Constant(Tensor.Of([1.5f]))))))),
        ["Elu"] = () => Graph(t => t.Node(new Elu(0.7f), t.Input(40))),
        ["Selu"] = () => Graph(t => t.Node(new Selu(1.6f, 1.1f), t.Input(40))),
        ["Erf"] = () => Graph(t => t.Node(new Erf(), t.Node(new Mul(), t.Input(400), t.Constant(Tensor.Of([2.5f]))))),
        ["Softplus, Softsign"] = () => Graph(t => t.Node(new Softplus(), t.Node(new Softsign(), t.Input(40)))),
        ["ThresholdedRelu"] = () => Graph(t => t.Node(new ThresholdedRelu(0.5f), t.Input(40))),
        ["Max, Min"] = () => Graph(t => t.Node(new Max(), t.Node(new Min(), t.Input(3, 4), t.Input(1, 4)), t.Weights(1, 4))),
        ["Pow"] = () => Graph(t => t.Node(new Pow(), t.Node(new Abs(), t.Input(40)), t.Constant(Tensor.Of([1.7f])))),
        ["PRelu"] = () => Graph(t => t.Node(new PRelu(), t.Input(3, 4, 4), t.Weights(1, 3, 1, 1))),
        ["Comparisons and logic"] = () => Graph(t =>
        {
            var (x, y) = (t.Input(3, 4), t.Input(1, 4));
            var between = t.Node(new And(), t.Node(new Greater(), x, y), t.Node(new LessOrEqual(), x, t.Constant(Tensor.Of([1f]))));
            var odd = t.Node(new Xor(), t.Node(new Less(), x, y), t.Node(new Not(), t.Node(new Equal(), t.Node(new Round(), x), t.Node(new Round(), y))));
            return t.Node(new Where(), t.Node(new Or(), between, odd), x, t.Node(new Where(), t.Node(new GreaterOrEqual(), x, y), y, t.Constant(Tensor.Of([7f]))));
        }),
        ["Cast, integers"] = () => Graph(t =>
        {
            var x = t.Node(new Cast(ElementType.Int32), t.Node(new Mul(), t.Input(3, 4), t.Constant(Tensor.Of([10f]))));
            x = t.Node(new Add(), t.Node(new Mul(), x, x), t.Constant(Tensor.Of([-3])));
            return t.Node(new Cast(ElementType.Float32), t.Node(new Div(), x, t.Constant(Tensor.Of([2]))));
        }),
        ["ReduceSum, ReduceMax, ReduceMin, ReduceProd"] = () => Graph(t =>
        {
            var x = t.Input(3, 4, 5);
            var sum = t.Node(new ReduceSum([1, -1], true), x);
            var rest = t.Node(new Add(), t.Node(new ReduceMax([3], false), x), t.Node(new ReduceProd([3], false), x));
            return t.Node(new Mul(), t.Node(new Sub(), t.Node(new Reshape([0, 3, 4, 1]), rest), t.Node(new ReduceMin([3], true), x)), sum);
        }),
        ["ArgMax"] = () => Graph(t => t.Node(new Cast(ElementType.Float32), t.Node(new ArgMax(1, false), t.Input(7, 5)))),
        ["Slice"] = () => Graph(t => t.Node(new StridedSlice([1, -1, 0], [int.MaxValue, 0, int.MaxValue], [1, 3, 0], [2, -2, 1]), t.Input(5, 3, 8))),
        ["Gather"] = () => Graph(t => t.Node(new Gather(2), t.Input(3, 6), t.Constant(Tensor.Of([0L, -1, 3, 3, 2, 5], 2, 3)))),
        ["Gather from a table"] = () => Graph(t => t.Node(new Gather(0), t.Weights(1, 9, 5), t.Node(new Cast(ElementType.Int64), t.Node(new Clip(0, 8), t.Node(new Abs(), t.Input(6)))))),
        ["Expand"] = () => Graph(t => t.Node(new Expand([1, 3, 4]), t.Input(1, 4))),
        ["LogSoftmax"] = () => Graph(t => t.Node(new LogSoftmax(1), t.Input(5, 4))),
        ["LayerNormalization"] = () => Graph(t => t.Node(new LayerNormalization(2, 1e-3f), t.Input(5, 4, 3), t.Weights(1, 4, 3), t.Weights(1, 4, 3))),
        ["Resize, nearest"] = () => Graph(t => t.Node(new Resize([8, 9], [2, 1.8f], ResizeCoordinates.Asymmetric, ResizeRounding.Floor), t.Input(3, 4, 5))),
        ["Resize, linear"] = () => Graph(t => t.Node(new Resize([8, 3], [2, 0.75f], ResizeCoordinates.HalfPixel, ResizeRounding.Linear), t.Input(3, 4, 4))),
        ["LSTM"] = () => Recurrent(new Lstm(4, RecurrentDirection.Forward, ["Sigmoid", "Tanh", "Tanh"])),
        ["LSTM, both directions"] = () => Recurrent(new Lstm(4, RecurrentDirection.Bidirectional, ["Sigmoid", "Tanh", "Tanh", "HardSigmoid", "Relu", "Tanh"])),
        ["GRU"] = () => Recurrent(new Gru(4, RecurrentDirection.Reverse, ["Sigmoid", "Tanh"], LinearBeforeReset: false)),
        ["GRU, reset behind the product"] = () => Recurrent(new Gru(4, RecurrentDirection.Bidirectional, ["Sigmoid", "Tanh", "Sigmoid", "Tanh"], LinearBeforeReset: true)),
        ["LSTM of sequences of different lengths"] = () => Recurrent(new Lstm(4, RecurrentDirection.Bidirectional, ["Sigmoid", "Tanh", "Tanh", "Sigmoid", "Tanh", "Tanh"]), lengths: true),
        ["LSTM with peepholes"] = () => Recurrent(new Lstm(4, RecurrentDirection.Reverse, ["Sigmoid", "Tanh", "Tanh"]), peepholes: true),
        ["LSTM from given states"] = () => Recurrent(new Lstm(4, RecurrentDirection.Bidirectional, ["Sigmoid", "Tanh", "Tanh", "Sigmoid", "Tanh", "Tanh"]), states: true, peepholes: true),
        ["GRU from given states, of different lengths"] = () => Recurrent(new Gru(4, RecurrentDirection.Bidirectional, ["Sigmoid", "Tanh", "Sigmoid", "Tanh"], LinearBeforeReset: false), states: true, lengths: true),
        ["RNN"] = () => Recurrent(new Rnn(4, RecurrentDirection.Forward, ["Tanh"])),
        ["attention"] = () => Attention(seed: 1),
        ["a residual network"] = () => ResidualNet(seed: 1),
        ["a depthwise network"] = () => DepthwiseNet(seed: 1),
        ["a network of branches"] = () => ConcatNet(seed: 1),
    };

    /// <summary>Convolutions with batch-norm and a shortcut, pooled to ten logits; input 3 x 16 x 16.</summary>
    public static GraphSpec ResidualNet(int seed)
    {
        var t = new TestGraph(seed);
        var x = t.Node(new Relu(), t.BatchNorm(t.Conv(t.Input(3, 16, 16), 3, 8, bias: false), 8));
        var y = t.Node(new Relu(), t.BatchNorm(t.Conv(x, 8, 16, stride: 2), 16));
        y = t.BatchNorm(t.Conv(y, 16, 16), 16);
        y = t.Node(new Relu(), t.Node(new Add(), y, t.Conv(x, 8, 16, kernel: 1, stride: 2)));
        y = t.Node(new Add(), t.Conv(y, 16, 16), y);
        return t.Build(t.Dense(t.Node(new Flatten(1), t.Node(new GlobalAveragePool(), y)), 16, 10));
    }

    /// <summary>Depthwise-separable blocks with ReLU6 and HardSwish; input 3 x 16 x 16, ten logits from a convolution.</summary>
    public static GraphSpec DepthwiseNet(int seed)
    {
        var t = new TestGraph(seed);
        var x = t.Node(new Clip(0, 6), t.Conv(t.Input(3, 16, 16), 3, 8, stride: 2));
        x = t.Node(new Clip(0, 6), t.BatchNorm(t.Conv(x, 8, 8, groups: 8), 8));
        x = t.Node(new HardSwish(), t.Conv(x, 8, 12, kernel: 1));
        x = t.Node(new Relu(), t.Conv(x, 12, 12, kernel: 5, stride: 2, groups: 12));
        x = t.Conv(t.Node(new ReduceMean([2, 3], true), x), 12, 10, kernel: 1);
        return t.Build(t.Node(new Flatten(1), x));
    }

    /// <summary>Branches joined by Concat, max and average pools, padding, squeeze and excite; input 3 x 16 x 16.</summary>
    public static GraphSpec ConcatNet(int seed)
    {
        var t = new TestGraph(seed);
        var x = t.Node(new Relu(), t.Conv(t.Input(3, 16, 16), 3, 8));
        x = t.Node(new MaxPool(Window.Of(2, 2), false), x);
        var a = t.Node(new Relu(), t.Conv(x, 8, 6, kernel: 1));
        var b = t.Node(new LeakyRelu(0.1f), t.Conv(x, 8, 5));
        var c = t.Node(new AveragePool(Window.Of(3, 1, 1), false, false), x);
        var joined = t.Node(new Concat(1), a, b, c);
        var gate = t.Node(new Sigmoid(), t.Conv(t.Node(new GlobalAveragePool(), joined), 19, 19, kernel: 1));
        joined = t.Node(new Mul(), joined, gate);
        joined = t.Node(new Pad([0, 0, 0, 0, 0, 0, 1, 1], 0), joined);
        joined = t.Node(new Relu(), t.Node(new Conv(Window.Of(3, 2), 1), joined, t.Weights(0.2f, 12, 19, 3, 3), t.Weights(0.1f, 12)));
        return t.Build(t.Dense(t.Node(new Reshape([0, -1]), joined), 12 * 16, 10));
    }

    /// <summary>Channels reversed and picked, rows and columns cut off and left out, PReLU, and batch-norms of vectors; input 3 x 16 x 16.</summary>
    public static GraphSpec SlicedNet(int seed)
    {
        var t = new TestGraph(seed);
        var x = t.Node(new Gather(1), t.Input(3, 16, 16), t.Constant(Tensor.Of([2L, 1, 0], 3)));
        x = t.Node(new PRelu(), t.Conv(x, 3, 12), t.Weights(0.5f, 12, 1, 1));
        var rows = t.Node(new StridedSlice([1, 0], [int.MaxValue, -1], [2, 3], [1, 1]), x);
        x = t.Node(new Add(), t.Conv(rows, 12, 12), t.Node(new StridedSlice([1, 0], [16, 15], [-2, -1], [1, 1]), x));
        x = t.Node(new StridedSlice([2, 1, 3], [11, int.MaxValue, 12], [1, 2, 3], [2, 2, 3]), x);
        x = t.BatchNorm(t.Node(new Flatten(1), t.Node(new GlobalAveragePool(), t.Node(new Relu(), t.Conv(x, 5, 12)))), 12);
        x = t.BatchNorm(t.Node(new Relu(), t.Dense(x, 12, 16)), 16);
        return t.Build(t.Dense(t.Node(new StridedSlice([-1], [2], [1], [-1]), t.Node(new Relu(), x)), 13, 10));
    }

    /// <summary>A block of a transformer: six positions of width 8, two heads.</summary>
    public static GraphSpec Attention(int seed)
    {
        var t = new TestGraph(seed);
        var x = t.Input(6, 8);
        string Heads(int[] order) => t.Node(new Transpose(order), t.Node(new Reshape([0, 6, 2, 4]), t.Node(new Add(), t.Node(new MatMul(), x, t.Weights(0.6f, 8, 8)), t.Weights(0.1f, 8))));
        var (query, key, value) = (Heads([0, 2, 1, 3]), Heads([0, 2, 3, 1]), Heads([0, 2, 1, 3]));
        var shares = t.Node(new Softmax(-1), t.Node(new Mul(), t.Node(new MatMul(), query, key), t.Constant(Tensor.Of([0.5f]))));
        var mixed = t.Node(new Reshape([0, 6, 8]), t.Node(new Transpose([0, 2, 1, 3]), t.Node(new MatMul(), shares, value)));
        x = t.Node(new LayerNormalization(-1, 1e-5f), t.Node(new Add(), x, t.Node(new MatMul(), mixed, t.Weights(0.6f, 8, 8))), t.Weights(1, 8), t.Weights(1, 8));
        var wide = t.Node(new MatMul(), x, t.Weights(0.6f, 8, 16));
        var gelu = t.Node(new Mul(), wide, t.Node(new Add(), t.Node(new Erf(), t.Node(new Mul(), wide, t.Constant(Tensor.Of([0.70710677f])))), t.Constant(Tensor.Of([1f]))));
        return t.Build(t.Node(new ReduceMean([1], false), t.Node(new MatMul(), gelu, t.Weights(0.6f, 16, 3))));
    }

    /// <summary>Seven steps of five numbers, batch first as models have it, all states as output.</summary>
    private static GraphSpec Recurrent(RecurrentOperator op, bool lengths = false, bool states = false, bool peepholes = false)
    {
        var t = new TestGraph(seed: 3);
        var (d, rows) = (op.Directions, op.Gates * op.Hidden);
        var given = t.Input(7, 5);
        var x = t.Node(new Transpose([1, 0, 2]), given);
        string[] inputs = [x, t.Weights(0.7f, d, rows, 5), t.Weights(0.7f, d, rows, op.Hidden), t.Weights(0.3f, d, 2 * rows)];
        if (lengths)
        {
            // As many steps as the first feature is positive in, whichever they are.
            var positive = t.Node(new Cast(ElementType.Int32), t.Node(new Greater(), t.Node(new StridedSlice([0], [1], [2], [1]), given), t.Constant(Tensor.Of([0f]))));
            inputs = [.. inputs, t.Node(new ReduceSum([1, 2], false), positive)];
        }
        if (states)
        {
            // Of the first features, for each direction.
            string State(int from) => t.Node(new Concat(0), [.. Enumerable.Range(0, d).Select(i => t.Node(new StridedSlice([i, from], [i + 1, from + op.Hidden], [0, 2], [1, 1]), x))]);
            inputs = [.. inputs, .. inputs.Length < 5 ? [""] : Array.Empty<string>(), State(0)];
            if (op is Lstm)
                inputs = [.. inputs, State(1)];
        }
        if (peepholes)
            inputs = [.. inputs, .. Enumerable.Repeat("", 7 - inputs.Length), t.Weights(0.5f, d, 3 * op.Hidden)];
        var y = t.Node(op, inputs);
        return t.Build(t.Node(new Reshape([0, 7, -1]), t.Node(new Transpose([2, 0, 1, 3]), y)));
    }

    private static GraphSpec Graph(Func<TestGraph, string> build)
    {
        var test = new TestGraph(seed: 42);
        return test.Build(build(test));
    }
}
