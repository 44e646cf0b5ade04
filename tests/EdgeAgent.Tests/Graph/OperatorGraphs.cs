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
        ["Concat"] = () => Graph(t =>
        {
            var x = t.Input(3, 4, 4);
            return t.Node(new Concat(1), x, t.Node(new Relu(), x), t.Input(2, 4, 4));
        }),
        ["MaxPool"] = () => Graph(t => t.Node(new MaxPool(Window.Of(3, 2, 1), false), t.Input(3, 9, 9))),
        ["MaxPool with ceil, dilated"] = () => Graph(t => t.Node(new MaxPool(new([2, 3], [2, 2], [1, 0, 0, 1], [2, 1]), true), t.Input(3, 10, 9))),
        ["MaxPool 1-D"] = () => Graph(t => t.Node(new MaxPool(new([3], [2], [0, 1], [1]), false), t.Input(3, 12))),
        ["AveragePool"] = () => Graph(t => t.Node(new AveragePool(Window.Of(3, 2, 1), false, false), t.Input(3, 9, 9))),
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

    private static GraphSpec Graph(Func<TestGraph, string> build)
    {
        var test = new TestGraph(seed: 42);
        return test.Build(build(test));
    }
}
