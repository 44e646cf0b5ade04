using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Tests.Graph;

/// <summary>A random network of the operators that the int8 engine has, with shortcuts and branches.</summary>
internal static class RandomNetwork
{
    public static GraphSpec Of(int seed)
    {
        var random = new Random(seed);
        var test = new TestGraph(seed);
        var value = new Value(test.Input(3, 12, 12), 3, 12);
        value = value with { Name = test.Conv(value.Name, 3, 8), Channels = 8 };
        var earlier = new List<Value> { value };
        for (var i = 0; i < 7; i++)
        {
            value = Next(random, test, value, earlier);
            earlier.Add(value);
        }
        return Close(random, test, value);
    }

    private static Value Next(Random random, TestGraph test, Value x, List<Value> earlier)
    {
        var same = earlier.Where(e => e.Size == x.Size && e.Channels == x.Channels).ToArray();
        var joinable = earlier.Where(e => e.Size == x.Size && e.Channels < 24).ToArray();
        switch (random.Next(12))
        {
            case 0:
                return x with { Name = Activated(random, test, test.BatchNorm(test.Conv(x.Name, x.Channels, x.Channels, bias: false), x.Channels)) };
            case 1 when x.Size > 3:
                var outputs = random.Next(4, 14);
                return new(Activated(random, test, test.Conv(x.Name, x.Channels, outputs, stride: 2)), outputs, (x.Size + 1) / 2);
            case 2:
                return x with { Name = Activated(random, test, test.Conv(x.Name, x.Channels, x.Channels, kernel: random.Next(2) == 0 ? 3 : 5, groups: x.Channels)) };
            case 3:
                var points = random.Next(4, 20);
                return new(Activated(random, test, test.Conv(x.Name, x.Channels, points, kernel: 1)), points, x.Size);
            case 4 or 5:
                var other = same[random.Next(same.Length)].Name;
                return x with { Name = Activated(random, test, test.Node(random.Next(3) == 0 ? new Sub() : new Add(), x.Name, other)) };
            case 6 when joinable.Length > 0:
                var part = joinable[random.Next(joinable.Length)];
                return new(test.Node(new Concat(1), x.Name, part.Name), x.Channels + part.Channels, x.Size);
            case 7 when x.Size > 3:
                var (window, ceil) = (Window.Of(3, 2, 1), random.Next(2) == 0);
                return x with { Name = test.Node(new MaxPool(window, ceil), x.Name), Size = window.OutputSize(0, x.Size, ceil) };
            case 8 when x.Size > 3:
                return x with { Name = test.Node(new AveragePool(Window.Of(3, 1, 1), false, random.Next(2) == 0), x.Name) };
            case 9:
                return x with { Name = test.Node(new Mul(), x.Name, Gate(random, test, x)) };
            case 10:
                return new(test.Node(new Pad([0, 0, 1, 0, 0, 0, 0, 1], 0), x.Name), x.Channels, x.Size + 1);
            default:
                return x with { Name = Activated(random, test, test.Node(new Mul(), x.Name, test.Weights(1, x.Channels, 1, 1))) };
        }
    }

    private static string Gate(Random random, TestGraph test, Value x)
    {
        var pooled = test.Node(random.Next(2) == 0 ? new GlobalAveragePool() : new ReduceMean([2, 3], true), x.Name);
        return test.Node(random.Next(2) == 0 ? new Sigmoid() : new HardSigmoid(1 / 6f, 0.5f), test.Conv(pooled, x.Channels, x.Channels, kernel: 1));
    }

    private static string Activated(Random random, TestGraph test, string x) => random.Next(8) switch
    {
        0 => x,
        1 => test.Node(new Clip(0, 6), x),
        2 => test.Node(new Clip(-0.5f, 1.5f), x),
        3 => test.Node(new HardSwish(), x),
        4 => test.Node(new LeakyRelu(0.1f), x),
        5 => test.Node(new Tanh(), x),
        _ => test.Node(new Relu(), x),
    };

    private static GraphSpec Close(Random random, TestGraph test, Value x)
    {
        switch (random.Next(5))
        {
            case 0:
                return test.Build(test.Node(new Sigmoid(), test.Node(new Flatten(1), test.Node(new GlobalMaxPool(), test.Conv(x.Name, x.Channels, 10)))));
            case 1:
                return test.Build(test.Node(new Flatten(1), test.Conv(test.Node(new GlobalAveragePool(), x.Name), x.Channels, 10, kernel: 1)));
            case 2:
                return test.Build(test.Node(new Softmax(-1), test.Dense(test.Node(new Flatten(1), test.Node(new GlobalAveragePool(), x.Name)), x.Channels, 10)));
            default:
                var size = x.Channels * x.Size * x.Size;
                var hidden = test.Node(new Relu(), test.Dense(test.Node(new Reshape([0, -1]), x.Name), size, 16));
                return test.Build(test.Node(new MatMul(), hidden, test.Weights(0.3f, 16, 10)));
        }
    }

    private readonly record struct Value(string Name, int Channels, int Size);
}
