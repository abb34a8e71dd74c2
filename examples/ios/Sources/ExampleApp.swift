import SwiftUI

@main
struct ExampleApp: App {
    var body: some Scene {
        WindowGroup { CutoutView() }
    }
}

/// The front camera with its background blurred, and how fast frames come.
struct CutoutView: View {
    @State private var camera = Camera()

    var body: some View {
        ZStack(alignment: .top) {
            Color.black.ignoresSafeArea()
            if let picture = camera.picture {
                Image(decorative: picture, scale: 1).resizable().scaledToFit()
            }
            Text(camera.words).foregroundStyle(.white).shadow(radius: 2)
        }
        .task { await camera.start() }
    }
}
